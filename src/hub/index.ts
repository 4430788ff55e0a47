// Public entry point of the hub client.
export { commitOf, listFiles, type RemoteEntry, whoAmI } from "./client.ts";
export { fullName, parseRepoId, type RepoId, type RepoType, repoPath } from "./repo-id.ts";
export { type HubAccess, HubError } from "./request.ts";
export { type ResolvedModel, type ResolveOptions, resolveModel } from "./resolve-model.ts";
export { cacheFolder, endpointOf, tokenFor } from "./settings.ts";
export { type Snapshot, type SnapshotOptions, snapshot } from "./snapshot.ts";
export { createRepo, deleteRepo, uploadFolder } from "./upload.ts";
