package archive

import (
	"bytes"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A secret is found wherever it stands, also over the edge of what is looked at together, and its value is not in the error.
func TestSecretsAreNotPacked(t *testing.T) {
	secrets := SecretsOf([]string{"HF_TOKEN=abcdefgh12345", "PATH=/usr/bin:/bin", "SHORT_KEY=abc", "MY_API_KEY=" + strings.Repeat("k", 200),
		"SERVER_PASS=open-sesame", "MY_PASSPHRASE=a \"quoted\" one", "KEYBOARD=us-international", "COMPASS=northwards"})
	var named []string
	for _, s := range secrets.values {
		named = append(named, s.variable)
	}
	require.Equal(t, []string{"HF_TOKEN", "MY_API_KEY", "SERVER_PASS", "MY_PASSPHRASE"}, slices.Compact(named))
	for _, before := range []int{0, 5, 15*longest + 4000, 16*longest - 5, 16 * longest, 33*longest - 100} {
		for of, text := range map[string]string{
			"the value of HF_TOKEN": "abcdefgh12345", "the value of MY_API_KEY": strings.Repeat("k", 200),
			"a Hugging Face token": "hf_" + strings.Repeat("Q", 34), "an OpenAI or Anthropic key": "sk-proj-" + strings.Repeat("9", 30),
			"an NVIDIA key": "nvapi-" + strings.Repeat("x", 30), "a GitHub token": "ghp_" + strings.Repeat("z", 36), "an AWS key id": "AKIAIOSFODNN7EXAMPLE",
			"a private key": "-----BEGIN RSA PRIVATE KEY-----", "a bearer token": "Authorization: Bearer " + strings.Repeat("t", 20) + "1",
			"a password in a URL": "http://me:pass@127.0.0.1:8000/metrics", "the value of SERVER_PASS": "open-sesame",
			"the value of MY_PASSPHRASE": `a \"quoted\" one`, "a password of HTTP": "Authorization: Basic bWU6cGFzcw==", "a secret in a URL": "/metrics?api_key=QUERYSECRET",
		} {
			dir := write(t, filepath.Join(t.TempDir(), "run"), map[string]string{"cells/log": strings.Repeat("\n", before) + text + " and more\n"})
			_, err := Pack(&bytes.Buffer{}, []string{dir}, nil, secrets)
			require.ErrorContains(t, err, "holds "+of, "%d", before)
			require.ErrorContains(t, err, filepath.Join("cells", "log")+", line ")
			if before == 5 {
				require.ErrorContains(t, err, "line 6:")
			}
			assert.NotContains(t, err.Error(), text)
		}
	}
	dir := write(t, filepath.Join(t.TempDir(), "run"), map[string]string{"f": "task-and-disk-and-a-long-name-of-a-risk-that-is-none http://127.0.0.1:80/a@b http://[redacted]@host hf_short bearer of news, " +
		"basic understanding, /metrics?key=[redacted] us-international northwards"})
	_, err := Pack(&bytes.Buffer{}, []string{dir}, nil, secrets)
	require.NoError(t, err)
	for of, name := range map[string]string{"the value of HF_TOKEN": "abcdefgh12345", "a Hugging Face token": "log.hf_" + strings.Repeat("Q", 34)} {
		dir := write(t, filepath.Join(t.TempDir(), "run"), map[string]string{name: "nothing"})
		_, err := Pack(&bytes.Buffer{}, []string{dir}, nil, secrets)
		require.ErrorContains(t, err, "a file's name, line 1: holds "+of)
		assert.NotContains(t, err.Error(), name)
	}
}

// packing tells what is said of a run whose only file holds a text.
func packing(t *testing.T, text string, secrets Secrets) error {
	t.Helper()
	dir := write(t, filepath.Join(t.TempDir(), "run"), map[string]string{"a.json": text})
	_, err := Pack(io.Discard, []string{dir}, nil, secrets)
	return err
}

// Runs consist of JSON and a page, in which what stands before a secret may end in a letter.
func TestShapesInEveryText(t *testing.T) {
	hf, key, bearer := "hf_"+strings.Repeat("aB3", 12), "api_key=SuperSecretValue123", "abcdefghijklmnopqrstuv01"
	for text, of := range map[string]string{
		hf:                                  "a Hugging Face token",
		`{"error":"bad token\n` + hf + `"}`: "a Hugging Face token",
		`{"e":"x\t` + hf + `"}`:             "a Hugging Face token",
		"token_" + hf:                       "a Hugging Face token",
		`{"e":"\u003c` + hf + `\u003e"}`:    "a Hugging Face token",
		"<p>&lt;" + hf:                      "a Hugging Face token",
		"?x=a%3D" + hf:                      "a Hugging Face token",
		"\x1b[31m" + hf:                     "a Hugging Face token",
		`{"url":"http://h/v1?x=1\u0026` + key + `"}`:                      "a secret in a URL",
		"http://h/v1?x=1&amp;" + key:                                      "a secret in a URL",
		"http://h/v1?x=1&" + key:                                          "a secret in a URL",
		`{"e":"\nBearer ` + bearer + `"}`:                                 "a bearer token",
		`"Authorization":"Bearer\u0020` + bearer:                          "a bearer token",
		"github_pat_11ABCDEFG0" + strings.Repeat("aB3", 20):               "a GitHub token",
		"glpat-" + strings.Repeat("a1", 10):                               "a GitLab token",
		"AIza" + strings.Repeat("a1b2c", 7):                               "a Google key",
		"ASIAABCDEFGHIJKLMNOP":                                            "an AWS key id",
		`x\nAKIAABCDEFGHIJKLMNOP\n`:                                       "an AWS key id",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefabcdefabcdefabcdef":   "a web token",
		"x-api-key: 0123456789abcdef":                                     "a key of HTTP",
		`{"X-Api-Key":["0123456789abcdef"]}`:                              "a key of HTTP",
		`{"e":"{\"api-key\": \"0123456789abcdef\"}"}`:                     "a key of HTTP",
		`{"Authorization":["Basic bWU6cGFzcw=="]}`:                        "a password of HTTP",
		`{"u":"http://user:pass@h/"}`:                                     "a password in a URL",
		"HTTPS://u:p@h":                                                   "a password in a URL",
		"http://u:1234@h":                                                 "a password in a URL",
		"http://me.too:pa55@h":                                            "a password in a URL",
		"http://me.too:123456@h":                                          "a password in a URL",
		`non-default args: {'api_key': ['my-secret-key-1234567890']}`:     "a key of HTTP",
		`{"api_key":"abcdefghijklmnopqrstuvwx"}`:                          "a key of HTTP",
		`{"apiKey": "abcdefghijklmnopqrstuvwx"}`:                          "a key of HTTP",
		"SERVER_API_KEY=abcdefghijklmnopqrstuvwx":                         "a key of HTTP",
		"serve --api-key abcdefghijklmnopqrstuvwx":                        "a key in a command",
		"serve --api_key=abcdefghijklmnopqrstuvwx":                        "a key in a command",
		`["--api-key","abcdefghijklmnopqrstuvwx"]`:                        "a key in a command",
		`['--api-key', 'abcdefghijklmnopqrstuvwx']`:                       "a key in a command",
		`{"args":"[\"--api-key\",\"abcdefghijklmnopqrstuvwx\"]"}`:         "a key in a command",
		`{"password":"hunter2hunter2hunter2"}`:                            "a password",
		`{"password":"hunter-2"}`:                                         "a password",
		`{"e":"{\"db_password\": \"correct-horse-battery\"}"}`:            "a password",
		"AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY":  "an AWS key",
		`{"SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}`: "an AWS key",
		"<p>{&#34;password&#34;:&#34;correct-horse-battery&#34;}":         "a password",
		"/v1?token=abcdefgh":                                              "a secret in a URL",
		"/v1?private_token=abcdefghijklmnop":                              "a secret in a URL",
		"/v1?a=b&auth_token=abcdefghijklmnop":                             "a secret in a URL",
		"Authorization: Token abcdefghijklmnop0123":                       "a token of HTTP",
		`{"Authorization":["Token token=\"abcdefghijklmnop0123\""]}`:      "a token of HTTP",
		"xoxb-123456789012-abcdefghijkl":                                  "a Slack token",
	} {
		require.ErrorContains(t, packing(t, text, Secrets{}), "a.json, line 1: holds "+of+":", text)
		require.ErrorContains(t, packing(t, strings.Repeat("\n", 20*longest)+text, Secrets{}), "holds "+of, text)
	}
	for _, text := range []string{
		"task-and-disk-and-a-long-name-of-a-risk-that-is-none", `\task-and-disk-and-a-long-name-of-a-risk`, "x-api-key: [redacted]",
		"the bearer of all that", "Asia and ASIANS", "/v1?x=1&amp;key=[redacted]", "eyJhbGciOiJIUzI1NiJ9 alone", "the basic authorization",
		"sk-learn-compatible-estimator-x", "Bearer authentication-is-disabled", `{"e":"Bearer\u0020authentication-is-disabled"}`,
		"Authorization: Token authentication-is-disabled", "['http://localhost:8000','a@b']", "http://localhost:8000,a@b", "docker://nvcr.io:443@sha", "'http://localhost':a@b", `'http://localhost:8000';'a@b'`,
		"docker://nvcr.io:443@sha256:0123456789abcdef", "git+https://${TOKEN}:x@github.com/a/b", "https://user:${TOKEN}@h", "https://user:$TOKEN@h",
		"--api-key $SERVER_API_KEY --model m", `["--api-key","[redacted]"]`, "the api-key authentication-mechanism", `{'api_key': None, 'max_model_len': 8192}`,
		`{"password":"required"}`, `{"password":"correct passwords have 12 letters"}`, `{"password":"[redacted]"}`, "the password: unknown-to-everybody",
		"access_key: the-one-that-is-in-the-environment", "?max_token=[redacted]&monkeytoken=1", "xox-and-what-is-no-token",
	} {
		require.NoError(t, packing(t, text, Secrets{}), text)
	}
}

// The values of variables are found in the files of JSON and on the page that hold some of their characters otherwise.
func TestValuesInEveryForm(t *testing.T) {
	secrets := SecretsOf([]string{`MYSQL_PWD=a<b&c"d'e+f`, "PROXY_AUTH=hunter2hunter2", "JWT=hunter3hunter3", "GITHUB_PAT=hunter4hunter4",
		"PWD=/home/somebody", "OLDPWD=/home/somebody", "SSH_AUTH_SOCK=/home/somebody"})
	for _, text := range []string{
		`a<b&c"d'e+f`, `{"e":"a\u003cb\u0026c\"d'e+f"}`, `{"e":"a<b&c\"d'e+f"}`, "<p>a&lt;b&amp;c&#34;d&#39;e+f",
		"<p>a&lt;b&amp;c&quot;d&apos;e+f", "<p>a&lt;b&amp;c&#34;d&#39;e&#43;f", "/q?x=a%3Cb%26c%22d%27e%2Bf",
	} {
		require.ErrorContains(t, packing(t, text, secrets), "holds the value of MYSQL_PWD", text)
	}
	require.ErrorContains(t, packing(t, "hunter2hunter2", secrets), "holds the value of PROXY_AUTH")
	require.ErrorContains(t, packing(t, "hunter3hunter3", secrets), "holds the value of JWT")
	require.ErrorContains(t, packing(t, "hunter4hunter4", secrets), "holds the value of GITHUB_PAT")
	require.NoError(t, packing(t, "/home/somebody", secrets))
}

// A variable that only sounds like a secret, and one that says where a secret lies, have values that any run may hold.
func TestVariablesThatAreNoSecrets(t *testing.T) {
	place := t.TempDir()
	secrets := SecretsOf([]string{"TIKTOKEN_ENCODINGS_BASE=/none/encodings", "TOKENIZER=meta-llama/Llama-3.1-8B", "TOKENIZERS_PARALLELISM=disabled",
		"HF_TOKEN_PATH=" + place, "GOOGLE_APPLICATION_CREDENTIALS=" + place, "TOKEN_OF_MINE=hunter2hunter2", "GITHUBTOKEN=hunter3hunter3",
		"API_TOKENS=hunter4hunter4", "HF_TOKEN2=hunter5hunter5", "API_TOKEN=/nowhere/that/exists"})
	require.NoError(t, packing(t, "/none/encodings meta-llama/Llama-3.1-8B disabled "+place, secrets))
	for text, variable := range map[string]string{
		"hunter2hunter2": "TOKEN_OF_MINE", "hunter3hunter3": "GITHUBTOKEN", "hunter4hunter4": "API_TOKENS", "hunter5hunter5": "HF_TOKEN2", "/nowhere/that/exists": "API_TOKEN",
	} {
		require.ErrorContains(t, packing(t, text, secrets), "holds the value of "+variable)
	}
}

// What looks like the beginning of a secret is none in the middle of a word, also where the text is cut for looking at it.
func TestNoSecretAtACut(t *testing.T) {
	const word = "a-task-and-a-long-name-of-what-is-none"
	for at := 15 * longest; at < 15*longest+8; at++ {
		require.NoError(t, packing(t, strings.Repeat(" ", at-strings.Index(word, "sk-"))+word+strings.Repeat(" ", longest), Secrets{}), "%d", at)
	}
}

// Runs that were recorded hold nothing that looks like a secret.
func TestNoSecretsInRecordedRuns(t *testing.T) {
	runs, err := filepath.Glob(filepath.Join("..", "..", "fixtures", "runs", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, runs)
	_, err = Pack(io.Discard, runs, nil, Secrets{})
	require.NoError(t, err)
}
