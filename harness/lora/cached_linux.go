package lora

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"sparkharness/harness/regular"
)

// Cached is how many bytes of files lie in the page cache, whole pages counted (cachestat(2), Linux 6.5); nil where the kernel does
// not tell this user.
func Cached(paths []string) (*float64, error) {
	var pages uint64
	for _, path := range paths {
		f, err := regular.Open(path)
		if err != nil {
			return nil, err
		}
		var of unix.Cachestat_t
		err = unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{}, &of, 0) // a length of 0 is up to the end
		err = errors.Join(err, f.Close())
		switch {
		case errors.Is(err, unix.ENOSYS), errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EOPNOTSUPP):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("how much of %s is in the page cache: %w", path, err)
		}
		pages += of.Cache
	}
	return new(float64(pages) * float64(os.Getpagesize())), nil
}
