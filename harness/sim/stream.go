package sim

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// frames writes the frames of one stream. Each frame is one write and one flush, so that it reaches the
// client at the instant of its token.
type frames struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	buf   []byte
	stamp bool
	role  bool     // the first delta of a choice names the role
	heads []string // what each frame of a choice begins with
}

func newFrames(w http.ResponseWriter, stamp bool) *frames {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	return &frames{w: w, rc: http.NewResponseController(w), stamp: stamp}
}

// name prepares the frames of an answer; the model is JSON.
func (f *frames) name(g *generation, chat bool, model string) {
	id, object := g.named(chat)
	for i := range g.choices {
		f.heads = append(f.heads, `data: {"id":"`+id+`","object":"`+object+`","created":`+g.created+`,"model":`+model+
			`,"choices":[{"index":`+strconv.Itoa(i)+`,`)
	}
}

func (f *frames) add(parts ...string) {
	for _, s := range parts {
		f.buf = append(f.buf, s...)
	}
}

// word begins the frame of a choice's next token.
func (f *frames) word(i int, c *choice, chat bool) {
	f.add(f.heads[i])
	switch {
	case chat && f.role && c.sent == 0:
		f.add(`"delta":{"role":"assistant","content":"`, c.word(), `"}`)
	case chat:
		f.add(`"delta":{"content":"`, c.word(), `"}`)
	case c.echo != "" && c.sent == 0:
		f.add(`"text":"`, quoted(c.echo), c.word(), `"`)
	default:
		f.add(`"text":"`, c.word(), `"`)
	}
}

// flush sends what has been appended to buf.
func (f *frames) flush() error {
	if f.stamp {
		stamped := append([]byte(": sent "), strconv.FormatInt(time.Now().UnixNano(), 10)...)
		f.buf = append(append(stamped, '\n'), f.buf...)
	}
	_, err := f.w.Write(f.buf)
	f.buf = f.buf[:0]
	if err != nil {
		return err
	}
	return f.rc.Flush()
}

// headers sends the status line and headers now, before any token.
func (f *frames) headers() error {
	f.w.WriteHeader(http.StatusOK)
	return f.rc.Flush()
}

func (f *frames) printf(format string, args ...any) { f.buf = fmt.Appendf(f.buf, format, args...) }
