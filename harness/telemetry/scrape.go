package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// ErrScrape marks a page that could not be had or is not what it should be.
var ErrScrape = errors.New("scrape failed")

// maxPage bounds a page: a real one has some hundred kilobytes.
const maxPage = 4 << 20

// scraper gets one page again and again and keeps the newest body.
type scraper struct {
	client *http.Client
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
		req, err := http.NewRequest(http.MethodGet, s.url, nil)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrScrape, err)
		}
		req.Header.Set("Accept", s.accept)
		// Compressing the page would load the machine that is being measured.
		req.Header.Set("Accept-Encoding", "identity")
		s.req = req
	}
	resp, err := s.client.Do(s.req.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrScrape, err)
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
		return nil, fmt.Errorf("%w: GET %s: body cut after %d bytes: %w", ErrScrape, s.url, len(page), err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: GET %s: status %s", ErrScrape, s.url, resp.Status)
	case len(page) > maxPage:
		return nil, fmt.Errorf("%w: GET %s: page longer than %d bytes", ErrScrape, s.url, maxPage)
	}
	return page, nil
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
		return fmt.Errorf("%w: GET %s: %w", ErrScrape, s.url, err)
	}
	return nil
}

// lastPage is a copy of the newest body, whole or not, nil before the first.
func (s *scraper) lastPage() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.last.Bytes())
}

// textFormat asks for the Prometheus text format, and so for neither OpenMetrics nor protobuf.
const textFormat = "text/plain;version=0.0.4"
