package genai

// field is one thing that emitters tell under several keys.
type field uint8

const (
	fProvider field = iota
	fOperation
	fRequestType
	fOpenInferenceKind
	fTraceloopKind
	fVercelOperation
	fLangfuseType
	fRequestModel
	fResponseModel
	fResponseID
	fInput
	fOutput
	fTotal
	fCacheRead
	fCacheWrite
	fCacheWrite5m
	fCacheWrite1h
	fReasoning
	fAudioInput
	fAudioOutput
	fImageInput
	fImageOutput
	fTextInput
	fTextOutput
	fAudioCached
	fImageCached
	fProviderMetadata
	fCost
	fCurrency
	fCostDetails
	fUsageDetails
	fAggregated // of an agent's run, by input, output and (at the end) cached input
	fAggregatedOutput
	fConversation
	fUser
	fTeam
	fKey
	fAgent
	fFeature
	fPrompt
	fPromptVersion
	fFinish
	fErrorType
	fStatus
	fStream
	fFirstTokenSeconds
	fFirstTokenMillis
	fTier
	fRequestTier
	fProviderModel
	fUsageObject
	fParameters
	fAnswer
	fRequestBytes
	fResponseBytes
	fServer
	fEnvironment
	fApplication
	fGateway
	fAggregatedCacheRead
	fAggregatedCacheWrite
	fImages // made
	fSeconds
	fPages
	numFields int = iota
)

// key is an attribute key that is read (lookup.go finds it by its name). Among the keys of one field the earlier one wins.
type key uint8

const noKey key = 255

// keys lists every key with its field, in order of precedence.
var keys = [...]struct {
	name  string
	field field
}{
	{"gen_ai.provider.name", fProvider},
	{"gen_ai.system", fProvider},
	{"llm.provider", fProvider},
	{"ai.model.provider", fProvider},
	{"llm.system", fProvider},
	{"langsmith.metadata.ls_provider", fProvider},
	{"bifrost.provider.name", fProvider},
	{"gen_ai.operation.name", fOperation},
	{"llm.request.type", fRequestType},
	{"openinference.span.kind", fOpenInferenceKind},
	{"traceloop.span.kind", fTraceloopKind},
	{"ai.operationId", fVercelOperation},
	{"langfuse.observation.type", fLangfuseType},
	{"gen_ai.request.model", fRequestModel},
	{"llm.request.model_name", fRequestModel},
	{"llm.model_name", fRequestModel},
	{"embedding.model_name", fRequestModel},
	{"reranker.model_name", fRequestModel},
	{"ai.model.id", fRequestModel},
	{"litellm.model_group", fRequestModel},
	{"langfuse.observation.model.name", fRequestModel},
	{"langsmith.metadata.ls_model_name", fRequestModel},
	{"model", fRequestModel},
	{"gen_ai.response.model", fResponseModel},
	{"llm.response.model_name", fResponseModel},
	{"llm.response.model", fResponseModel},
	{"ai.response.model", fResponseModel},
	{"gen_ai.response.id", fResponseID},
	{"ai.response.id", fResponseID},
	{"gen_ai.usage.input_tokens", fInput},
	{"gen_ai.usage.prompt_tokens", fInput},
	{"llm.token_count.prompt", fInput},
	{"llm.usage.prompt_tokens", fInput},
	{"ai.usage.inputTokens", fInput},
	{"ai.usage.promptTokens", fInput},
	{"ai.usage.tokens", fInput},
	{"gen_ai.usage.output_tokens", fOutput},
	{"gen_ai.usage.completion_tokens", fOutput},
	{"llm.token_count.completion", fOutput},
	{"llm.usage.completion_tokens", fOutput},
	{"ai.usage.outputTokens", fOutput},
	{"ai.usage.completionTokens", fOutput},
	{"gen_ai.usage.total_tokens", fTotal},
	{"llm.usage.total_tokens", fTotal},
	{"llm.token_count.total", fTotal},
	{"ai.usage.totalTokens", fTotal},
	{"gen_ai.usage.cache_read.input_tokens", fCacheRead},
	{"gen_ai.usage.cache_read_input_tokens", fCacheRead},
	{"gen_ai.usage.cache_read_tokens", fCacheRead},
	{"gen_ai.usage.details.cache_read_tokens", fCacheRead},
	{"gen_ai.usage.details.cache_read_input_tokens", fCacheRead},
	{"gen_ai.usage.input_tokens.cached", fCacheRead},
	{"gen_ai.usage.cached_input_tokens", fCacheRead},
	{"gen_ai.usage.input_cached_tokens", fCacheRead},
	{"gen_ai.usage.prompt_token_details.cached_read_tokens", fCacheRead},
	{"llm.token_count.prompt_details.cache_read", fCacheRead},
	{"ai.usage.inputTokenDetails.cacheReadTokens", fCacheRead},
	{"ai.usage.cachedInputTokens", fCacheRead},
	{"gen_ai.usage.cache_write.input_tokens", fCacheWrite},
	{"gen_ai.usage.cache_creation.input_tokens", fCacheWrite},
	{"gen_ai.usage.cache_creation_input_tokens", fCacheWrite},
	{"gen_ai.usage.cache_write_input_tokens", fCacheWrite},
	{"gen_ai.usage.cache_write_tokens", fCacheWrite},
	{"gen_ai.usage.details.cache_write_tokens", fCacheWrite},
	{"gen_ai.usage.input_tokens.cache_write", fCacheWrite},
	{"gen_ai.usage.prompt_token_details.cached_write_tokens", fCacheWrite},
	{"llm.token_count.prompt_details.cache_write", fCacheWrite},
	{"ai.usage.inputTokenDetails.cacheWriteTokens", fCacheWrite},
	{"anthropic.usage.cache_creation.ephemeral_5m_input_tokens", fCacheWrite5m},
	{"gen_ai.usage.cache_creation.ephemeral_5m_input_tokens", fCacheWrite5m},
	{"gen_ai.usage.prompt_token_details.cached_write_tokens_5m", fCacheWrite5m},
	{"anthropic.usage.cache_creation.ephemeral_1h_input_tokens", fCacheWrite1h},
	{"gen_ai.usage.cache_creation.ephemeral_1h_input_tokens", fCacheWrite1h},
	{"gen_ai.usage.details.ephemeral_1h_input_tokens", fCacheWrite1h},
	{"gen_ai.usage.prompt_token_details.cached_write_tokens_1h", fCacheWrite1h},
	{"gen_ai.usage.reasoning.output_tokens", fReasoning},
	{"gen_ai.usage.reasoning_tokens", fReasoning},
	{"llm.usage.reasoning_tokens", fReasoning},
	{"gen_ai.usage.output_tokens.reasoning", fReasoning},
	{"gen_ai.usage.completion_token_details.reasoning_tokens", fReasoning},
	{"gen_ai.usage.details.reasoning_tokens", fReasoning},
	{"llm.token_count.completion_details.reasoning", fReasoning},
	{"ai.usage.outputTokenDetails.reasoningTokens", fReasoning},
	{"ai.usage.reasoningTokens", fReasoning},
	{"gen_ai.usage.audio.input_tokens", fAudioInput},
	{"llm.token_count.prompt_details.audio", fAudioInput},
	{"gen_ai.usage.prompt_token_details.audio_tokens", fAudioInput},
	{"gen_ai.usage.input_token_details.audio_tokens", fAudioInput},
	{"gen_ai.usage.audio.output_tokens", fAudioOutput},
	{"llm.token_count.completion_details.audio", fAudioOutput},
	{"gen_ai.usage.completion_token_details.audio_tokens", fAudioOutput},
	{"gen_ai.usage.image.input_tokens", fImageInput},
	{"gen_ai.usage.prompt_token_details.image_tokens", fImageInput},
	{"gen_ai.usage.image.output_tokens", fImageOutput},
	{"gen_ai.usage.completion_token_details.image_tokens", fImageOutput},
	{"gen_ai.usage.text.input_tokens", fTextInput},
	{"gen_ai.usage.prompt_token_details.text_tokens", fTextInput},
	{"gen_ai.usage.input_token_details.text_tokens", fTextInput},
	{"gen_ai.usage.text.output_tokens", fTextOutput},
	{"gen_ai.usage.completion_token_details.text_tokens", fTextOutput},
	{"gen_ai.usage.audio.cache_read.input_tokens", fAudioCached},
	{"gen_ai.usage.image.cache_read.input_tokens", fImageCached},
	{"ai.response.providerMetadata", fProviderMetadata},
	{"gen_ai.usage.cost", fCost},
	{"gen_ai.usage.cost.amount", fCost},
	{"gen_ai.usage.total_cost", fCost},
	{"gen_ai.cost.total_cost", fCost},
	{"litellm.cost.total", fCost},
	{"llm.cost.total", fCost},
	{"operation.cost", fCost},
	{"gen_ai.usage.cost.currency", fCurrency},
	{"langfuse.observation.cost_details", fCostDetails},
	{"langfuse.observation.usage_details", fUsageDetails},
	{"gen_ai.aggregated_usage.input_tokens", fAggregated},
	{"gen_ai.aggregated_usage.output_tokens", fAggregatedOutput},
	{"gen_ai.conversation.id", fConversation},
	{"session.id", fConversation},
	{"langfuse.session.id", fConversation},
	{"traceloop.association.properties.session_id", fConversation},
	{"traceloop.association.properties.conversation_id", fConversation},
	{"traceloop.association.properties.chat_id", fConversation},
	{"traceloop.association.properties.thread_id", fConversation},
	{"user.id", fUser},
	{"enduser.id", fUser},
	{"gen_ai.request.user", fUser},
	{"gen_ai.user", fUser},
	{"llm.user", fUser},
	{"langfuse.user.id", fUser},
	{"traceloop.association.properties.user_id", fUser},
	{"litellm.end_user.id", fUser},
	{"litellm.metadata.user_api_key_end_user_id", fUser},
	{"litellm.metadata.user_api_key_user_id", fUser},
	{"metadata.user_api_key_end_user_id", fUser},
	{"metadata.user_api_key_user_id", fUser},
	{"team.id", fTeam},
	{"gen_ai.team_id", fTeam},
	{"metadata.user_api_key_team_id", fTeam},
	{"metadata.user_api_key_team_alias", fTeam},
	{"traceloop.association.properties.team_id", fTeam},
	{"litellm.team.id", fTeam},
	{"litellm.team.alias", fTeam},
	{"bifrost.team.id", fTeam},
	{"gen_ai.virtual_key_id", fKey},
	{"metadata.user_api_key_alias", fKey},
	{"litellm.metadata.user_api_key_alias", fKey},
	{"litellm.api_key.hash", fKey},
	{"metadata.user_api_key_hash", fKey},
	{"bifrost.virtual_key.id", fKey},
	{"gen_ai.agent.name", fAgent},
	{"agent.name", fAgent},
	{"traceloop.entity.name", fAgent},
	{"feature", fFeature},
	{"feature.name", fFeature},
	{"ai.telemetry.functionId", fFeature},
	{"traceloop.workflow.name", fFeature},
	{"gen_ai.prompt.name", fPrompt},
	{"langfuse.observation.prompt.name", fPrompt},
	{"traceloop.prompt.key", fPrompt},
	{"gen_ai.prompt.version", fPromptVersion},
	{"langfuse.observation.prompt.version", fPromptVersion},
	{"traceloop.prompt.version", fPromptVersion},
	{"llm.prompt_template.version", fPromptVersion},
	{"gen_ai.response.finish_reasons", fFinish},
	{"gen_ai.response.finish_reason", fFinish},
	{"ai.response.finishReason", fFinish},
	{"llm.response.finish_reason", fFinish},
	{"llm.finish_reason", fFinish},
	{"anthropic.message.stop_reason", fFinish},
	{"error.type", fErrorType},
	{"gen_ai.error.type", fErrorType},
	{"gen_ai.error.code", fErrorType},
	{"http.response.status_code", fStatus},
	{"http.status_code", fStatus},
	{"status_code", fStatus}, // Claude Code's own spans
	{"gen_ai.request.stream", fStream},
	{"llm.is_streaming", fStream},
	{"litellm.request.streaming", fStream},
	{"gen_ai.request.is_stream", fStream},
	{"gen_ai.is_streaming", fStream},
	{"gen_ai.response.time_to_first_chunk", fFirstTokenSeconds},
	{"gen_ai.server.time_to_first_token", fFirstTokenSeconds},
	{"ai.response.msToFirstChunk", fFirstTokenMillis},
	{"ttft_ms", fFirstTokenMillis}, // Claude Code's own spans
	{"openai.response.service_tier", fTier},
	{"gen_ai.openai.response.service_tier", fTier},
	{"gen_ai.response.service_tier", fTier},
	{"anthropic.response.service_tier", fTier},
	{"openai.request.service_tier", fRequestTier},
	{"gen_ai.openai.request.service_tier", fRequestTier},
	{"gen_ai.request.service_tier", fRequestTier},
	{"litellm.provider.model", fProviderModel},
	{"metadata.usage_object", fUsageObject},
	{"llm.invocation_parameters", fParameters},
	{"langfuse.observation.model.parameters", fParameters},
	{"output.value", fAnswer},
	{"http.request.body.size", fRequestBytes},
	{"http.request_content_length", fRequestBytes},
	{"http.response.body.size", fResponseBytes},
	{"http.response_content_length", fResponseBytes},
	{"server.address", fServer},
	{"gen_ai.openai.api_base", fServer},
	{"gen_ai.environment", fEnvironment},
	{"gen_ai.application_name", fApplication},
	{"bifrost.request.id", fGateway},
	{"gen_ai.aggregated_usage.cache_read.input_tokens", fAggregatedCacheRead},
	{"gen_ai.aggregated_usage.cache_creation.input_tokens", fAggregatedCacheWrite},
	{"gen_ai.usage.image_count", fImages},
	{"gen_ai.usage.audio_seconds", fSeconds},
	{"gen_ai.request.audio_duration", fSeconds},
	{"gen_ai.usage.pages_processed", fPages},
}

const numKeys = 210
