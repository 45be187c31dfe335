package sim

// idle are members that both APIs of a server take and that change nothing in a simulation, by what their values must
// be. Those of trtllm-serve are the fields of tensorrt_llm/serve/openai_protocol.py, those of Dynamo what its frontend
// 1.6.1 takes, those of vLLM the fields of vllm/entrypoints/openai/*/protocol.py of 0.31 that it checks; further ones it
// ignores unread.
type idle struct{ both, completions, chat map[string]kind }

func (i idle) kind(name string, chat bool) (kind, bool) {
	if k, ok := i.both[name]; ok {
		return k, true
	}
	of := i.completions
	if chat {
		of = i.chat
	}
	k, ok := of[name]
	return k, ok
}

var idleTRTLLM = idle{
	both: map[string]kind{
		"logit_bias": kindObject, "user": kindWord, "prompt_ignore_length": kindInteger, "top_k": kindInteger,
		"top_p_min": kindNumber, "min_p": kindNumber, "repetition_penalty": kindNumber, "length_penalty": kindNumber,
		"early_stopping": kindAny, "stop_token_ids": kindList, "include_stop_str_in_output": kindSwitch,
		"skip_special_tokens": kindSwitch, "spaces_between_special_tokens": kindSwitch, "truncate_prompt_tokens": kindNone,
		"add_special_tokens": kindSwitch, "thinking_token_budget": kindInteger, "disaggregated_params": kindNone,
		"priority": kindNumber, "conversation_params": kindObject,
	},
	completions: map[string]kind{"return_context_logits": kindSwitch, "detokenize": kindSwitch},
	chat: map[string]kind{
		"tools": kindList, "parallel_tool_calls": kindSwitch, "reasoning_effort": kindWord, "thinking": kindObject,
		"add_generation_prompt": kindSwitch, "documents": kindList, "chat_template": kindWord, "chat_template_kwargs": kindObject,
		"media_io_kwargs": kindObject, "mm_processor_kwargs": kindObject, "agent_hierarchy": kindNone,
	},
}

var idleDynamo = idle{
	both: map[string]kind{
		"logit_bias": kindObject, "user": kindWord, "top_k": kindInteger, "min_p": kindNumber, "repetition_penalty": kindNumber,
		"stop_token_ids": kindList, "include_stop_str_in_output": kindSwitch, "skip_special_tokens": kindSwitch,
		"detokenize": kindSwitch, "add_generation_prompt": kindSwitch, "allowed_token_ids": kindNone, "bad_words_token_ids": kindNone,
		"guided_json": kindNone, "guided_regex": kindNone, "guided_grammar": kindNone, "guided_choice": kindNone,
		"guided_decoding_backend": kindWord, "guided_whitespace_pattern": kindWord, "metadata": kindAny,
		"prompt_logprobs": kindInteger, "continue_final_message": kindSwitch, "return_tokens_as_token_ids": kindSwitch,
	},
	completions: map[string]kind{"prompt_embeds": kindNone},
	chat: map[string]kind{
		"tools": kindList, "parallel_tool_calls": kindSwitch, "reasoning_effort": kindWord, "thinking": kindAny,
		"thinking_token_budget": kindInteger, "chat_template_kwargs": kindObject, "chat_template_args": kindObject,
		"media_io_kwargs": kindObject, "mm_processor_kwargs": kindObject, "store": kindSwitch, "service_tier": kindWord,
		"modalities": kindList, "prediction": kindAny, "audio": kindNone, "web_search_options": kindObject,
		"function_call": kindNone, "functions": kindList, "prompt_cache_key": kindWord,
	},
}

var idleVLLM = idle{
	both: map[string]kind{
		"logit_bias": kindObject, "user": kindWord, "top_k": kindInteger, "min_p": kindNumber, "repetition_penalty": kindNumber,
		"length_penalty": kindNumber, "stop_token_ids": kindList, "include_stop_str_in_output": kindSwitch,
		"skip_special_tokens": kindSwitch, "spaces_between_special_tokens": kindSwitch, "truncate_prompt_tokens": kindNone,
		"add_special_tokens": kindSwitch, "allowed_token_ids": kindNone, "prompt_logprobs": kindInteger, "priority": kindInteger,
		"request_id": kindWord, "structured_outputs": kindNone, "kv_transfer_params": kindNone, "return_token_ids": kindSwitch,
		"return_tokens_as_token_ids": kindSwitch, "vllm_xargs": kindObject,
	},
	completions: map[string]kind{"prompt_embeds": kindNone},
	chat: map[string]kind{
		"tools": kindList, "parallel_tool_calls": kindSwitch, "reasoning_effort": kindWord, "include_reasoning": kindSwitch,
		"add_generation_prompt": kindSwitch, "continue_final_message": kindSwitch, "documents": kindList, "chat_template": kindWord,
		"chat_template_kwargs": kindObject, "mm_processor_kwargs": kindObject, "media_io_kwargs": kindObject,
	},
}

// pass checks a member that changes nothing.
func pass(m member, want kind, as reading) *refusal {
	switch want {
	case kindAny:
		return nil
	case kindNone:
		if string(m.value) == "null" {
			return nil
		}
		return as.unsupported(m.name + " is not supported by this simulated server")
	case kindWord:
		if string(m.value) == "null" {
			return nil
		}
		var s string
		return read(as, m, kindText, &s)
	case kindList, kindObject:
		open := byte('[')
		if want == kindObject {
			open = '{'
		}
		if m.value[0] != open && string(m.value) != "null" {
			return as.wrong(m, want)
		}
		return nil
	case kindNumber:
		var f *float64
		return read(as, m, want, &f)
	case kindSwitch:
		var b *bool
		return read(as, m, want, &b)
	}
	var n *int64
	return read(as, m, want, &n)
}
