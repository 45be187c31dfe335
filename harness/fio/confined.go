package fio

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// File is a file that jobs load, and the bytes of it that they use.
type File struct {
	Name  string // without a folder
	Bytes int64
}

// leads are options by which fio would make, use or remove other files than the one that filename names, by reason.
var leads = map[string]string{
	"directory":        "the harness gives the folder",
	"filename_format":  "the file is the one that filename names",
	"unique_filename":  "the file is the one that filename names",
	"nrfiles":          "the file is the one that filename names",
	"offset":           "the file is laid out once, as long as size says",
	"offset_increment": "the file is laid out once, as long as size says",
	"unlink":           "the file is laid out once and used by all cells",
	"fallocate":        "the file is laid out before fio starts",
	"write_bw_log":     "it is written beside the file, and the harness reads fio's own figures",
	"write_lat_log":    "it is written beside the file, and the harness reads fio's own figures",
	"write_iops_log":   "it is written beside the file, and the harness reads fio's own figures",
}

// Confined reads a job file that the real fio is to run, and refuses what Parse accepts and leads out of the folder that fio
// is given, or changes what lies there. The files are in the order of their names. Without jobs there are none.
func Confined(file string, data []byte) (jobs []Job, files []File, err error) {
	if jobs, err = Parse(file, data); err != nil || len(jobs) == 0 {
		return jobs, nil, err
	}
	var faults Faults
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		if i := strings.IndexAny(line, ";#"); i >= 0 {
			line = line[:i]
		}
		name, _, _ := strings.Cut(strings.TrimSpace(line), "=")
		if why, ok := leads[strings.TrimSpace(name)]; ok {
			faults = append(faults, Fault{File: file, Line: n, Option: strings.TrimSpace(name), Problem: why + ": remove it"})
		}
	}
	if len(faults) > 0 {
		return nil, nil, faults
	}
	sizes := map[string]int64{}
	for _, j := range jobs {
		if why := stray(j.Filename); why != "" {
			return nil, nil, fmt.Errorf("%s: filename: job %q %s: give a plain name, such as filename=load.dat", file, j.Name, why)
		}
		if j.Size < j.BlockBytes {
			return nil, nil, fmt.Errorf("%s: size: job %q does not say how much of its file it uses: set it, for example size=8g", file, j.Name)
		}
		sizes[j.Filename] = max(sizes[j.Filename], j.Size)
	}
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		files = append(files, File{Name: name, Bytes: sizes[name]})
	}
	return jobs, files, nil
}

// stray says why a filename could lead somewhere else than into the folder, "" if it cannot. fio splits names at colons, and
// takes a path for one.
func stray(name string) string {
	switch {
	case name == "":
		return "names no file, so that each of its copies would make one"
	case strings.ContainsAny(name, "/\\:"):
		return fmt.Sprintf("names %.60q, which may be a device or lie in another folder", name)
	case name[0] == '.' || name[0] == '-':
		return fmt.Sprintf("names %.60q", name)
	}
	return ""
}
