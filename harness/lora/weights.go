package lora

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// mostHeader bounds the header of a safetensors file, bytes, as its own library does.
const mostHeader = 100 << 20

// pointer is how a file begins that stands for one that Git LFS keeps elsewhere.
const pointer = "version https://git-lfs.github.com/spec/"

// whole says what is amiss with a file of weights that is there. Of a pickle (.bin) nothing is known before Python has run it.
//
// Safetensors are eight bytes with the length of a header, the header, which is JSON and says where the bytes of each tensor begin
// and end behind it, and those bytes without a gap (https://github.com/huggingface/safetensors#format).
func whole(files fs.FS, file string) error {
	f, err := files.Open(inside(file))
	if err != nil {
		return unreadable(file, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	begin := make([]byte, len(pointer))
	n, err := io.ReadFull(f, begin)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s cannot be read (%w): fetch it again", path.Base(file), err)
	}
	if string(begin[:n]) == pointer {
		return fmt.Errorf("%s is a pointer of Git LFS, and no weights: fetch the file itself (git lfs pull)", path.Base(file))
	}
	if path.Ext(file) != ".safetensors" {
		return nil
	}
	size := info.Size()
	if n < 8 {
		return fmt.Errorf("%s has %d bytes, too few for safetensors: fetch it again", path.Base(file), size)
	}
	length := binary.LittleEndian.Uint64(begin)
	if length < 2 || length > mostHeader {
		return fmt.Errorf("%s is no safetensors file (a header of %d bytes): fetch it again", path.Base(file), length)
	}
	var header map[string]struct {
		At *[2]int64 `json:"data_offsets"`
	}
	text := io.LimitReader(io.MultiReader(strings.NewReader(string(begin[8:n])), f), int64(length))
	switch err := json.NewDecoder(text).Decode(&header); {
	case size < 8+int64(length):
		return fmt.Errorf("%s is cut off inside its header (%d bytes are there): fetch it again", path.Base(file), size)
	case err != nil:
		return fmt.Errorf("%s is no safetensors file (its header cannot be read): fetch it again", path.Base(file))
	}
	want := 8 + int64(length)
	for _, tensor := range header {
		if tensor.At != nil { // __metadata__ has none
			want = max(want, 8+int64(length)+tensor.At[1])
		}
	}
	if size != want {
		return fmt.Errorf("%s has %d bytes, and its header speaks of %d: fetch it again", path.Base(file), size, want)
	}
	return nil
}
