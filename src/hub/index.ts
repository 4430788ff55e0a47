// Public entry point of the hub client. Names are those of Python's huggingface_hub, in camelCase.
export {
  type AccessToken,
  addOrganizationMember,
  createOrganization,
  createToken,
  listOrganizationMembers,
  listTokens,
  type OrganizationMember,
  type OrganizationRole,
  removeOrganizationMember,
  revokeToken,
  setOrganizationRole,
  type TokenOptions,
} from "./accounts.ts";
export {
  type CacheProblem,
  type CacheReport,
  type CacheSavings,
  pruneCache,
  removeFromCache,
  verifyCache,
} from "./cache-care.ts";
export { type CachedBlob, type CachedFile, type CachedRepo, type CachedRevision, scanCacheDir } from "./cache-scan.ts";
export { commitOf, getPathsInfo, listFiles, type RemoteEntry, whoAmI } from "./client.ts";
export {
  addCollectionItem,
  type Collection,
  type CollectionItem,
  type CollectionItemChange,
  type CollectionOptions,
  createCollection,
  deleteCollection,
  deleteCollectionItem,
  getCollection,
  type ListCollectionsOptions,
  listCollections,
  type NewCollectionItem,
  updateCollectionItem,
  updateCollectionMetadata,
} from "./collections.ts";
export { compareRevisions, diffRevisions, type FileChange } from "./compare.ts";
export {
  changeDiscussionStatus,
  commentDiscussion,
  createDiscussion,
  createPullRequest,
  type Discussion,
  type DiscussionDetails,
  type DiscussionEvent,
  type DiscussionFilter,
  getDiscussionDetails,
  getRepoDiscussions,
  mergePullRequest,
  renameDiscussion,
} from "./discussions.ts";
export type { UploadFile } from "./large-files.ts";
export type { PathFilter } from "./patterns.ts";
export {
  createBranch,
  createTag,
  deleteBranch,
  deleteTag,
  type GitCommit,
  type GitRef,
  type GitRefs,
  listRepoCommits,
  listRepoRefs,
} from "./refs.ts";
export { fullName, parseRepoId, type RepoId, type RepoType, repoPath } from "./repo-id.ts";
export {
  createRepo,
  datasetInfo,
  deleteRepo,
  duplicateRepo,
  type ListReposOptions,
  listDatasets,
  listModels,
  listSpaces,
  modelInfo,
  moveRepo,
  type RepoInfo,
  type RepoSettings,
  type RepoSummary,
  repoExists,
  repoInfo,
  spaceInfo,
  updateRepoSettings,
} from "./repositories.ts";
export { type HubAccess, HubError } from "./request.ts";
export { type ResolvedModel, type ResolveOptions, resolveModel } from "./resolve-model.ts";
export { cacheFolder, endpointOf, tokenFor } from "./settings.ts";
export { downloadFile, type Snapshot, type SnapshotOptions, snapshotDownload } from "./snapshot.ts";
export { addSshKey, listSshKeys, removeSshKey, type SshKey } from "./ssh-keys.ts";
export { planUpload, type Uploaded, type UploadOptions, type UploadPlan, uploadFolder } from "./upload.ts";
export {
  createWebhook,
  deleteWebhook,
  listWebhookDeliveries,
  listWebhooks,
  replayWebhook,
  setWebhookEnabled,
  type Webhook,
  type WebhookDelivery,
  type WebhookOptions,
} from "./webhooks.ts";
