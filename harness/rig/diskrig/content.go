package diskrig

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// ErrCorruption marks what was read back and is not what was written: another block, an older one, or damage.
var ErrCorruption = errors.New("corruption")

// page is the unit that says what it is, bytes. Whatever is read or written is a whole number of them.
const page = 4 << 10

// A page begins with its header:
//
//	 0  magic
//	 8  area uint32, number of the page in its block or file uint32
//	16  key of the block or file uint64
//	24  the storage that wrote it uint64
//	32  checksum of what follows the header uint32
//	36  checksum of the header until here uint32
//
// Numbers are little-endian, checksums CRC-32C.
const (
	headerBytes = 40
	magic       = "sparkKV1"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// identity is what pages that follow each other hold.
type identity struct {
	area  uint32
	key   uint64
	first uint32 // number of the first page
}

// content stamps and verifies pages.
type content struct {
	nonce uint64   // of this storage, so that what an earlier one has left is not taken for its own
	noise []byte   // what pages are filled with behind their headers
	sums  []uint32 // of each page of it
}

// noiseBytes is after how much the noise repeats in a buffer: no drive that compresses looks as far.
const noiseBytes = 4 << 20

func newContent(noise io.Reader) (*content, error) {
	c := &content{noise: make([]byte, noiseBytes)}
	var nonce [8]byte
	if _, err := io.ReadFull(noise, nonce[:]); err != nil {
		return nil, fmt.Errorf("noise for the files' content: %w", err)
	}
	if _, err := io.ReadFull(noise, c.noise); err != nil {
		return nil, fmt.Errorf("noise for the files' content: %w", err)
	}
	c.nonce = binary.LittleEndian.Uint64(nonce[:])
	for at := 0; at < len(c.noise); at += page {
		c.sums = append(c.sums, crc32.Checksum(c.noise[at+headerBytes:at+page], castagnoli))
	}
	return c, nil
}

// fill prepares a buffer that is going to be written, as often as it is stamped.
func (c *content) fill(buf []byte) {
	for len(buf) > 0 {
		buf = buf[copy(buf, c.noise):]
	}
}

// stamp makes the pages of a filled buffer those of an identity.
func (c *content) stamp(buf []byte, id identity) {
	for i := 0; i*page < len(buf); i++ {
		c.header(buf[i*page:], id, i, c.sums[i%len(c.sums)])
	}
}

// header writes the header of page i of an identity.
func (c *content) header(p []byte, id identity, i int, sum uint32) {
	copy(p, magic)
	binary.LittleEndian.PutUint32(p[8:], id.area)
	binary.LittleEndian.PutUint32(p[12:], id.first+uint32(i))
	binary.LittleEndian.PutUint64(p[16:], id.key)
	binary.LittleEndian.PutUint64(p[24:], c.nonce)
	binary.LittleEndian.PutUint32(p[32:], sum)
	binary.LittleEndian.PutUint32(p[36:], crc32.Checksum(p[:36], castagnoli))
}

// verify refuses pages that are not those of an identity as they were written. The error is an ErrCorruption.
func (c *content) verify(buf []byte, id identity) error {
	var want [headerBytes]byte
	for i := 0; i*page < len(buf); i++ {
		p := buf[i*page : (i+1)*page]
		c.header(want[:], id, i, crc32.Checksum(p[headerBytes:], castagnoli))
		if string(p[:headerBytes]) != string(want[:]) {
			return fmt.Errorf("%w: page %d %s", ErrCorruption, id.first+uint32(i), c.found(p, want[:]))
		}
	}
	return nil
}

// found says in which way a page is not the one that was asked for.
func (c *content) found(p, want []byte) string {
	number := binary.LittleEndian.Uint64
	switch {
	case allZero(p):
		return "is all zeros: it was never written, or has been lost"
	case string(p[:8]) != magic || crc32.Checksum(p[:36], castagnoli) != binary.LittleEndian.Uint32(p[36:]):
		return "is damaged: its header does not hold together"
	case number(p[24:]) != number(want[24:]):
		return "is what an earlier storage has left"
	case number(p[16:]) != number(want[16:]):
		if number(p[16:]) == neverWritten {
			return fmt.Sprintf("holds nothing yet, where block %016x ought to be", number(want[16:]))
		}
		return fmt.Sprintf("is of block %016x, where block %016x ought to be", number(p[16:]), number(want[16:]))
	case string(p[8:12]) != string(want[8:12]):
		return fmt.Sprintf("is page %d of another area", binary.LittleEndian.Uint32(p[12:]))
	case string(p[12:16]) != string(want[12:16]):
		return fmt.Sprintf("is page %d of its block or file", binary.LittleEndian.Uint32(p[12:]))
	}
	return "is damaged: its checksum does not hold"
}

// neverWritten is the key of pages that no block has been written to.
const neverWritten = 0

func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
