package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"sparkharness/harness/outgoing"
)

// ErrScrape marks a page that could not be had or is not what it should be.
var ErrScrape = errors.New("scrape failed")

// maxPage bounds a page: a real one has some hundred kilobytes.
const maxPage = 4 << 20

// scraper gets one page again and again and keeps the newest body.
type scraper struct {
	client *outgoing.Client
	url    string
	accept string
	req    *http.Request // made by the first get
	work   bytes.Buffer  // owned by get

	mu   sync.Mutex
	last bytes.Buffer
}

// get returns the page, valid until the next get. Errors wrap ErrScrape.
func (s *scraper) get(ctx context.Context) ([]byte, error) {
	if s.req == nil {
		req, err := s.client.Request(context.Background(), http.MethodGet, s.url, nil)
		if err != nil {
			return nil, s.failed(err)
		}
		req.Header.Set("Accept", s.accept)
		// Compressing the page would load the machine that is being measured.
		req.Header.Set("Accept-Encoding", "identity")
		s.req = req
	}
	resp, err := s.client.Do(s.req.WithContext(ctx))
	if err != nil {
		return nil, s.failed(err)
	}
	defer resp.Body.Close()
	s.work.Reset()
	_, err = s.work.ReadFrom(io.LimitReader(resp.Body, maxPage+1))
	// A broken page is kept too: it is the evidence.
	s.mu.Lock()
	s.work, s.last = s.last, s.work
	page := s.last.Bytes()
	s.mu.Unlock()
	switch {
	case err != nil:
		return nil, s.failed(fmt.Errorf("body cut after %d bytes: %w", len(page), err))
	case resp.StatusCode != http.StatusOK:
		return nil, s.failed(fmt.Errorf("status %s", resp.Status))
	case len(page) > maxPage:
		return nil, s.failed(fmt.Errorf("page longer than %d bytes", maxPage))
	}
	return page, nil
}

// failed is err, which may quote the server, with the page that it is about. It wraps ErrScrape.
func (s *scraper) failed(err error) error {
	return fmt.Errorf("%w: GET %s: %w", ErrScrape, outgoing.Shown(s.url), s.client.Fit(err))
}

// samples gets the page and parses it as Prometheus text.
func (s *scraper) samples(ctx context.Context, yield func(name, labels []byte, value float64) error) error {
	page, err := s.get(ctx)
	if err != nil {
		return err
	}
	return s.parse(page, yield)
}

// parse reads a page of this scraper as Prometheus text. Errors wrap ErrScrape.
func (s *scraper) parse(page []byte, yield func(name, labels []byte, value float64) error) error {
	if err := parseExposition(page, yield); err != nil {
		return s.failed(err)
	}
	return nil
}

// lastPage is a copy of the newest body, whole or not and without the client's key, nil before the first.
func (s *scraper) lastPage() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client.Redact(s.last.Bytes())
}

// textFormat asks for the Prometheus text format, and so for neither OpenMetrics nor protobuf.
const textFormat = "text/plain;version=0.0.4"
