package outgoing

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestShown(t *testing.T) {
	for raw, want := range map[string]string{
		"http://127.0.0.1:8355":                "http://127.0.0.1:8355",
		"http://u:p@host:1/a/b?token=x&y=&z#f": "http://[redacted]@host:1/a/b?token=[redacted]&y=[redacted]&[redacted]",
		"http://u@host/":                       "http://[redacted]@host/",
		"http://host?sk-secret":                "http://host?[redacted]",
		"http://host?=sk-secret&a=1;b=2":       "http://host?[redacted]&a=[redacted]",
		"http://host?":                         "http://host",
		"http://host/?\x7f":                    notURL,
		"http://u:sec#ret@host":                notURL,
		"mailto:u@host":                        "mailto:[redacted]",
		"//u:p@host/a":                         "//[redacted]@host/a",
		"http://host/a%20b?na%20me=x":          "http://host/a%20b?na+me=[redacted]",
		"":                                     "",
	} {
		assert.Equal(t, want, Shown(raw), raw)
	}
}

func TestOrigin(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"http://h", "http://h:80/v1?x=1", true},
		{"https://h", "https://H:443", true},
		{"http://[::1]", "http://[::1]:80", true},
		{"http://h", "https://h", false},
		{"http://h:80", "http://h:81", false},
		{"http://h:443", "https://h:443", false},
		{"http://h", "http://h.example", false},
		{"http://127.0.0.1", "http://localhost", false},
	} {
		a, err := parse(tt.a)
		require.NoError(t, err)
		b, err := parse(tt.b)
		require.NoError(t, err)
		assert.Equal(t, tt.same, origin(a) == origin(b), "%s and %s", tt.a, tt.b)
	}
}

// FuzzShown: what is shown of a URL is a URL again, and has no user info, no value and no fragment.
func FuzzShown(f *testing.F) {
	for _, raw := range []string{"http://u:p@h:1/a?k=v&w#f", "//u@h?=v", "a:b", "http://[::1%25x]:1/%2f?%zz=%zz", "?//x@y", "http:?a=b", "//@h//b?a", "http:///x@y?%", "x://h/@?a=//b@",
		"http://[::1%25\xab]"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		shown := Shown(raw)
		in, err := url.Parse(raw)
		if err != nil {
			require.Equal(t, notURL, shown)
			return
		}
		if shown == notURL {
			_, err := url.Parse(in.String())
			require.Error(t, err, "it can be read and written, so it can be shown")
			return
		}
		if in.Opaque != "" {
			require.Equal(t, in.Scheme+":"+redacted, shown)
			return
		}
		out, err := url.Parse(strings.Replace(shown, redacted+"@", "hidden@", 1))
		require.NoError(t, err, "%q", shown)
		require.Equal(t, in.Host, out.Host, "%q", shown)
		require.Equal(t, in.User != nil, out.User != nil, "%q", shown)
		if out.User != nil {
			require.Equal(t, "hidden", out.User.String(), "%q", shown)
		}
		require.Empty(t, out.Fragment)
		if out.RawQuery == "" {
			require.Empty(t, in.RawQuery)
			return
		}
		for part := range strings.SplitSeq(out.RawQuery, "&") {
			require.True(t, part == redacted || strings.HasSuffix(part, "="+redacted), "%q", shown)
		}
	})
}
