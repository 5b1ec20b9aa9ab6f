/**
 * What the CLI's own schema of its protocol does not say.
 */

/** The definition of a method's result, where its name follows neither from its params nor from the method. */
export const results: Readonly<Record<string, string>> = {
  "account/gatewayOAuth/cancel": "GatewayOAuthCancelResponse",
  "account/logout": "LogoutAccountResponse",
  "account/securitySetup/read": "GetAccountSecuritySetupResponse",
  "account/workspaceMessages/read": "GetWorkspaceMessagesResponse",
  "accountSession/list": "AccountSessionsResponse",
  "config/batchWrite": "ConfigWriteResponse",
  "config/mcpServer/reload": "McpServerRefreshResponse",
  "config/value/write": "ConfigWriteResponse",
  "externalAgentConfig/import/readHistories": "ExternalAgentConfigImportHistoriesReadResponse"
}

/** Strings that we send and that nobody else may read. */
export const secrets: ReadonlySet<string> = new Set([
  "AttestationGenerateResponse.token",
  "ChatgptAuthTokensRefreshResponse.accessToken",
  "EnvironmentAddParams.authBearerToken",
  "LoginAccountParams.accessToken",
  "LoginAccountParams.apiKey",
  "LoginAccountParams.secretAccessKey",
  "LoginAccountParams.sessionToken",
  "RemoteControlPairingStatusParams.manualPairingCode",
  "RemoteControlPairingStatusParams.pairingCode"
])

/** Strings that we send, and that only sound like secrets. */
export const notSecrets: ReadonlySet<string> = new Set([
  // The id of a key; `secretAccessKey` is the key.
  "LoginAccountParams.accessKeyId",
  // Paths of files.
  "GcpSetupParams.credentialFile",
  "ProviderSettingsPatch.credentialFile",
  // The name of an environment variable.
  "ProviderSettingsPatch.envKey",
  // Names the search that a later one cancels.
  "FuzzyFileSearchParams.cancellationToken",
  // Names of things.
  "ConfigEdit.keyPath",
  "ConfigValueWriteParams.keyPath",
  "ConsumeAccountRateLimitResetCreditParams.idempotencyKey",
  "ProjectCreateParams.idempotencyKey",
  "ProjectImportParams.idempotencyKey",
  "ThreadAttachmentAddParams.identityKey",
  "ThreadAttachmentOwnerListParams.identityKey",
  "ThreadAttachmentRemoveParams.identityKey"
])

/** Names that sound like secrets. A new field of such a name belongs into one of the two lists. */
export const soundsSecret = /token|secret|key|password|passphrase|bearer|authorization|credential|cookie|pairingCode/i

/**
 * Fields that the server always sends, and that servers from 0.115 on did not send yet: found by comparing the schemas
 * of 0.115, 0.125, 0.134, 0.142, 0.152 and 0.163. They are optional, so that yesterday's CLI is understood.
 */
export const newer: ReadonlySet<string> = new Set([
  "CommandExecutionRequestApprovalParams.startedAtMs",
  "ExternalAgentConfigImportHistoriesReadResponse.connectors",
  "FileChangeRequestApprovalParams.startedAtMs",
  "FsGetMetadataResponse.isSymlink",
  "FuzzyFileSearchResult.match_type",
  "InitializeResponse.codexHome",
  "ItemCompletedNotification.completedAtMs",
  "ItemGuardianApprovalReviewCompletedNotification.action",
  "ItemGuardianApprovalReviewCompletedNotification.completedAtMs",
  "ItemGuardianApprovalReviewCompletedNotification.decisionSource",
  "ItemGuardianApprovalReviewCompletedNotification.reviewId",
  "ItemGuardianApprovalReviewCompletedNotification.startedAtMs",
  "ItemGuardianApprovalReviewStartedNotification.action",
  "ItemGuardianApprovalReviewStartedNotification.reviewId",
  "ItemGuardianApprovalReviewStartedNotification.startedAtMs",
  "ItemStartedNotification.startedAtMs",
  "ManagedHooksRequirements.PostCompact",
  "ManagedHooksRequirements.PreCompact",
  "ManagedHooksRequirements.SubagentStart",
  "ManagedHooksRequirements.SubagentStop",
  "PermissionProfileSummary.allowed",
  "PermissionsRequestApprovalParams.cwd",
  "PermissionsRequestApprovalParams.startedAtMs",
  "PluginDetail.appTemplates",
  "PluginDetail.hooks",
  "PluginInterface.screenshotUrls",
  "SkillSummary.enabled",
  "Thread.projectId",
  "Thread.sessionId",
  "ThreadRealtimeStartedNotification.version",
  "ToolRequestUserInputParams.isBlocking"
])
