// Public entry point of the hub client.
export { commitOf, type HubAccess, HubError, listFiles, type RemoteEntry } from "./client.ts";
export { fullName, parseRepoId, type RepoId, type RepoType, repoPath } from "./repo-id.ts";
export { type ResolvedModel, type ResolveOptions, resolveModel } from "./resolve-model.ts";
export { cacheFolder, endpointOf, tokenFor } from "./settings.ts";
export { type Snapshot, type SnapshotOptions, snapshot } from "./snapshot.ts";
export { createRepo, deleteRepo, uploadFolder, whoAmI } from "./upload.ts";
