package sim_test

import "testing"

// What each server makes of the messages of a chat. The sources are those of TestBadBodies.
func TestBadChats(t *testing.T) {
	malformed := func(what string) said {
		return said{400, `{"code":400,"message":"` + cannot + what + `","type":"Bad Request"}`}
	}
	ok := said{200, `"object":"chat.completion"`}
	missing := func(what string) said { return said{400, `'type': 'missing', 'loc': ('body', '` + what + `')`} }
	for _, tc := range []struct {
		name, rest string // what follows the model
		a, b       said
	}{
		{"nothing wrong", `"messages":[{"role":"user","content":"hi you"}]`,
			said{200, `"prompt_tokens":2`}, said{200, `"prompt_tokens":2`}},
		{"no messages", `"max_tokens":1`,
			missing("messages"), malformed("missing field `messages`")},
		{"empty messages", `"messages":[]`,
			said{400, `"type":"BadRequestError"`},
			said{400, `"Validation: The 'messages' field cannot be empty. At least one message is required."`}},
		{"messages null", `"messages":null`,
			said{400, `'list_type', 'loc': ('body', 'messages')`}, malformed("invalid type: null, expected a sequence")},
		{"messages text", `"messages":"a"`,
			said{400, `'list_type', 'loc': ('body', 'messages')`}, malformed(`invalid type: string \"a\", expected a sequence`)},
		{"a message text", `"messages":["a"]`,
			said{400, `'model_attributes_type'`}, malformed(`invalid type: string \"a\", expected a map`)},
		{"no role", `"messages":[{"content":"a"}]`,
			missing("role"), malformed("missing field `role`")},
		{"role a list", `"messages":[{"role":[],"content":"a"}]`,
			said{400, `'string_type', 'loc': ('body', 'role')`}, malformed("invalid type: sequence, expected a string")},
		{"another role", `"messages":[{"role":"wizard","content":"a"}]`,
			ok, said{400, "unknown variant `wizard`, expected one of `developer`, `system`, `user`"}},
		{"no content", `"messages":[{"role":"user"}]`,
			ok, malformed("missing field `content`")},
		{"content null", `"messages":[{"content":null,"role":"user"}]`,
			ok, malformed("data did not match any variant of untagged enum ChatCompletionRequestUserMessageContent")},
		{"the assistant's", `"messages":[{"role":"assistant"},{"role":"assistant","content":null},{"role":"user","content":"a"}]`,
			said{200, `"prompt_tokens":1`}, said{200, `"prompt_tokens":1`}},
		{"content a number", `"messages":[{"role":"user","content":3}]`,
			said{400, `'string_type', 'loc': ('body', 'content')`},
			malformed("data did not match any variant of untagged enum ChatCompletionRequestUserMessageContent")},
		{"content twice", `"messages":[{"role":"user","content":"a","content":"b c"}]`,
			said{200, `"prompt_tokens":2`}, malformed("duplicate field `content`")},
		{"more in a message", `"messages":[{"role":"user","content":"a","name":"bob","zzz":[1,{"content":"b c"}]}]`,
			said{200, `"prompt_tokens":1`}, said{200, `"prompt_tokens":1`}},
		{"no tokens", `"messages":[{"role":"user","content":"a"}],"max_tokens":0`,
			said{400, "`max_tokens` (0) must be greater than 0"}, said{400, "Max tokens must be greater than 0, got 0"}},
		{"no completion tokens", `"messages":[{"role":"user","content":"a"}],"max_completion_tokens":0`,
			said{400, "`max_tokens` (0) must be greater than 0"}, said{400, "Max completion tokens must be greater than 0, got 0"}},
		{"both", `"messages":[{"role":"user","content":"a"}],"max_completion_tokens":3,"max_tokens":2`,
			said{400, "'extra_forbidden', 'loc': ('body', 'max_completion_tokens')"}, said{200, `"completion_tokens":3`}},
		{"the prompt's name", `"messages":[{"role":"user","content":"a"}],"prompt":"a"`,
			said{400, "'extra_forbidden', 'loc': ('body', 'prompt')"}, said{400, "Unsupported parameter(s): `prompt`"}},
		{"not UTF-8", "\"messages\":[{\"role\":\"user\",\"content\":\"\xc3\"}]",
			said{400, `{"detail":`}, ok},
	} {
		t.Run(tc.name, func(t *testing.T) { tellsBoth(t, "/v1/chat/completions", tc.rest, tc.a, tc.b) })
	}
}
