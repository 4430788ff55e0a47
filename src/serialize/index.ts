// Public entry point of saving and loading: tensors, states, values that hold tensors, whole models.
export { type LoadModelOptions, loadModel, type ModuleClass, type SaveModelOptions, saveModel } from "./model.ts";
export { loadNpy, loadNpz, saveNpy, saveNpz } from "./npy.ts";
export { type SafeFile, safeOpen, saveFile, type TensorSlice } from "./safetensors.ts";
export { loadSharded, type ShardOptions, saveSharded } from "./sharded.ts";
export type { LoadOptions, StateDict } from "./state.ts";
export { load, loadFile, type Storable, save } from "./torch.ts";
