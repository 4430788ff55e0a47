// What `datasets` is to a caller: torchvision's names in one place.
export { ImageFolder, type ImageFolderOptions } from "./image-folder.ts";
export { type DownloadOptions, FashionMNIST, MNIST, type MnistOptions, type OpenOptions } from "./mnist.ts";
