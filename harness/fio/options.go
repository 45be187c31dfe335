package fio

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// option is one that a job file may have. Without set it changes nothing of the load that is modelled.
type option struct {
	set     func(*draft, string) error
	check   func(string) error // of a value that is not set, and may be refused all the same
	example string
	bare    bool // may stand without a value, for 1
}

// aliases are fio's second names of options.
var aliases = map[string]string{"readwrite": "rw", "blocksize": "bs", "timeout": "runtime"}

// options are those that are understood, and those that do not matter for the load:
//   - what fio prints and logs, and how it draws its random numbers;
//   - which file is used and how it is laid out before the load begins: the model of the drive knows no
//     addresses;
//   - unlink and invalidate, which act before and after the load, and ramp_time, during which the load
//     runs and is only not reported.
var options = map[string]option{
	"rw":         {set: setRW, example: "randrw"},
	"rwmixread":  {set: mix(false), example: "70"},
	"rwmixwrite": {set: mix(true), example: "30"},
	"bs":         {set: setBS, example: "16k"},
	"iodepth":    {set: count(func(d *draft) *int { return &d.IODepth }, 1024), example: "32"},
	"numjobs":    {set: count(func(d *draft) *int { return &d.NumJobs }, 256), example: "4"},
	"ioengine":   {set: setEngine, example: "libaio"},
	"direct":     {set: direct(false), example: "1"},
	"buffered":   {set: direct(true), example: "0"},
	"thread":     {set: flag(func(d *draft) *bool { return &d.Thread }), example: "1", bare: true},
	"time_based": {set: flag(func(d *draft) *bool { return &d.TimeBased }), example: "1", bare: true},
	"runtime":    {set: setRuntime, example: "300s"},
	"size":       {set: setSize, example: "8g"},
	"filename":   {set: setFilename, example: "load.dat"},
	"directory":  {set: setDirectory, example: "/mnt/nvme"},
	"name":       {set: setName, example: "heavy"},

	"random_distribution": {set: onlyRandom, example: "random"},

	"thinktime":        {set: phase("us", func(d *draft) *time.Duration { return &d.ThinkTime }), example: "25s"},
	"thinktime_iotime": {set: phase("s", func(d *draft) *time.Duration { return &d.IOTime }), example: "12s"},
	"thinktime_spin":   {set: phase("us", func(d *draft) *time.Duration { return &d.SpinTime }), example: "10s"},

	"description": {example: "text"}, "group_reporting": {example: "1", bare: true},
	"randrepeat": {example: "1"}, "allrandrepeat": {example: "1"}, "randseed": {example: "1"},
	"norandommap": {example: "1", bare: true}, "random_generator": {example: "tausworthe"},
	"unlink": {example: "1"}, "invalidate": {example: "1"}, "ramp_time": {example: "5s"},
	"fallocate": {example: "none"}, "filename_format": {check: below, example: "$jobname.$jobnum"}, "unique_filename": {example: "1"},
	"offset": {example: "1g"}, "offset_increment": {example: "1g"}, "nrfiles": {example: "1"},
	"refill_buffers": {example: "1", bare: true}, "scramble_buffers": {example: "1"},
	"clat_percentiles": {example: "1"}, "lat_percentiles": {example: "1"}, "slat_percentiles": {example: "1"},
	"percentile_list": {example: "50:99"}, "disable_lat": {example: "1"}, "disable_clat": {example: "1"},
	"disable_slat": {example: "1"}, "write_bw_log": {check: below, example: "heavy", bare: true}, "write_lat_log": {check: below, example: "heavy", bare: true},
	"write_iops_log": {check: below, example: "heavy", bare: true}, "log_avg_msec": {example: "1000"},
	"write_hist_log": {check: below, example: "heavy", bare: true}, "log_hist_msec": {example: "1000"}, "log_hist_coarseness": {example: "0"},
	"log_max_value": {example: "1"}, "log_offset": {example: "1"}, "log_prio": {example: "1"}, "log_entries": {example: "1024"},
	"log_compression": {example: "1m"}, "log_compression_cpus": {example: "0"}, "log_store_compressed": {example: "1"},
	"log_unix_epoch": {example: "1"}, "log_alternate_epoch": {example: "1"}, "log_alternate_epoch_clock_id": {example: "0"},
	"per_job_logs": {example: "1"}, "bwavgtime": {example: "500"}, "iopsavgtime": {example: "500"}, "disable_bw_measurement": {example: "1"},
	"disk_util": {example: "0"}, "significant_figures": {example: "4"}, "block_error_percentiles": {example: "1"}, "new_group": {example: "1", bare: true},
}

// refusals are options that fio knows and that would make another load than the one that is modelled, by
// reason. stonewall is among them although it changes nothing in a file with one job: whoever writes it
// expects jobs one after another.
var refusals = []struct{ why, options string }{
	{"the simulated machine's jobs submit as fast as they are answered, without a rate limit",
		"rate rate_min rate_iops rate_iops_min rate_process rate_cycle rate_ignore_thinktime"},
	{"the simulated machine's jobs think by time (thinktime_iotime), not by blocks",
		"thinktime_blocks thinktime_blocks_type"},
	{"all I/Os of a simulated job have one size",
		"bsrange blocksize_range bssplit bs_unaligned blocksize_unaligned"},
	{"a simulated job keeps its queue full, one I/O at a time",
		"iodepth_batch iodepth_batch_submit iodepth_batch_complete_min iodepth_batch_complete_max iodepth_low " +
			"serialize_overlap io_submit_mode"},
	{"the simulated drive knows no addresses, so no zones and no hot places",
		"ba offset_align zonemode zonesize zonecapacity zonerange zoneskip read_beyond_wp max_open_zones job_max_open_zones " +
			"ignore_zone_limits zone_reset_threshold zone_reset_frequency percentage_random rw_sequencer"},
	{"flushes are not modelled",
		"fsync fdatasync write_barrier sync_file_range sync end_fsync fsync_on_close create_fsync atomic"},
	{"the load would end, pause or adapt by itself",
		"io_size io_limit number_ios loops fill_device max_latency latency_target latency_window latency_percentile " +
			"latency_run steadystate steadystate_duration steadystate_ramp_time flow flow_id flow_sleep exitall exit_what exitall_on_error"},
	{"all jobs of a file begin at once on the simulated machine",
		"stonewall wait_for_previous wait_for startdelay"},
	{"verification reads back what was written, which is not modelled",
		"verify do_verify verify_only verify_async verify_backlog verify_backlog_batch verify_pattern verify_offset verify_interval verify_fatal " +
			"verify_dump verify_state_load verify_state_save experimental_verify"},
	{"trims are not modelled", "trim_percentage trim_backlog trim_backlog_batch trim_verify_zero"},
	{"I/O is neither recorded nor replayed on the simulated machine",
		"read_iolog read_iolog_chunked write_iolog replay_no_stall replay_redirect replay_scale replay_time_scale replay_align replay_skip " +
			"merge_blktrace_file merge_blktrace_scalars merge_blktrace_iters"},
	{"how the engine hands I/O to the kernel, polls for it or takes it back is not modelled",
		"hipri registerfiles fixedbufs sqthread_poll sqthread_poll_cpu nonvectored uncached nowait force_async cmd_type userspace_reap"},
	{"fio would take its times otherwise, or leave some out of what it reports", "gtod_reduce gtod_cpu clocksource stats unified_rw_reporting"},
	{"a job works on one file, as large as its size says, that it makes itself",
		"filesize file_append file_service_type openfiles opendir lockfile overwrite pre_read create_on_open create_only create_serialize " +
			"allow_file_create allow_mounted_write unlink_each_loop"},
	{"what is written is random, so that no drive stores less of it",
		"zero_buffers buffer_pattern buffer_compress_percentage buffer_compress_chunk dedupe_percentage dedupe_mode dedupe_global " +
			"dedupe_working_set_percentage"},
	{"an error of the load must show", "continue_on_error ignore_error error_dump"},
	{"hints about what is written, and kinds of memory, are not modelled", "write_hint fadvise_hint mem hugepage-size"},
	{"this reader takes sizes in fio's default units", "kb_base unit_base"},
	{"priorities, processors and cgroups of fio's tasks are not modelled",
		"nice prio prioclass cmdprio cmdprio_class cmdprio_percentage cmdprio_bssplit cpumask cpus_allowed cpus_allowed_policy numa_cpu_nodes " +
			"numa_mem_policy cgroup cgroup_weight cgroup_nodelete uid gid"},
	{"it runs other programs or changes the machine, which the harness must know",
		"exec_prerun exec_postrun ioscheduler lockmem profile"},
	{"it is read from another file, whose digest no report would have", "include"},
}

// refused is the reason by option.
var refused = func() map[string]string {
	out := map[string]string{}
	for _, r := range refusals {
		for name := range strings.FieldsSeq(r.options) {
			out[name] = r.why
		}
	}
	return out
}()

func setRW(d *draft, v string) error {
	if v == "readwrite" {
		v = "rw"
	}
	if strings.Contains(v, "trim") {
		return fmt.Errorf("%.20q trims, which is not modelled", v)
	}
	if !slices.Contains([]string{"read", "randread", "write", "randwrite", "rw", "randrw"}, v) {
		return fmt.Errorf("must be read, randread, write, randwrite, rw, readwrite or randrw, not %.20q", v)
	}
	d.RW = v
	return nil
}

// mix sets the share of reads; of rwmixread and rwmixwrite the last one counts.
func mix(writes bool) func(*draft, string) error {
	return func(d *draft, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n > 100 {
			return fmt.Errorf("must be a whole percentage from 0 to 100, not %.20q", v)
		}
		if writes {
			n = 100 - n
		}
		d.readShare = float64(n) / 100
		return nil
	}
}

func setBS(d *draft, v string) error {
	if strings.Contains(v, ",") {
		return fmt.Errorf("all I/Os of a simulated job have one size, not %.20q", v)
	}
	n, err := size(v)
	if err != nil {
		return err
	}
	if n < 512 || n%512 != 0 || n > 16<<20 {
		return fmt.Errorf("direct I/O needs whole sectors of 512 bytes, up to 16m, not %.20q", v)
	}
	d.BlockBytes = n
	return nil
}

func setSize(d *draft, v string) error {
	n, err := size(v)
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("must be above 0")
	}
	d.Size = n
	return nil
}

func setRuntime(d *draft, v string) (err error) {
	d.Runtime, err = duration(v, "s")
	return err
}

// mostPhase bounds the phases of a job that thinks: fio counts them in microseconds, in 31 bits.
const mostPhase = 2147 * time.Second

func phase(bare string, field func(*draft) *time.Duration) func(*draft, string) error {
	return func(d *draft, v string) error {
		t, err := duration(v, bare)
		if err == nil && t > mostPhase {
			err = fmt.Errorf("must be %s at most, because fio counts microseconds in 31 bits, not %.20q", written(mostPhase), v)
		}
		*field(d) = t
		return err
	}
}

func setEngine(d *draft, v string) error {
	if _, ok := Engines[v]; !ok {
		return fmt.Errorf("must be one of %s, not %.20q", strings.Join(slices.Sorted(maps.Keys(Engines)), ", "), v)
	}
	d.IOEngine = v
	return nil
}

func count(field func(*draft) *int, most int) func(*draft, string) error {
	return func(d *draft, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > most {
			return fmt.Errorf("must be a whole number from 1 to %d, not %.20q", most, v)
		}
		*field(d) = n
		return nil
	}
}

func boolean(v string) (bool, error) {
	if v != "0" && v != "1" {
		return false, fmt.Errorf("must be 0 or 1, not %.20q", v)
	}
	return v == "1", nil
}

func flag(field func(*draft) *bool) func(*draft, string) error {
	return func(d *draft, v string) (err error) {
		*field(d), err = boolean(v)
		return err
	}
}

func direct(inverse bool) func(*draft, string) error {
	return func(d *draft, v string) error {
		on, err := boolean(v)
		if err != nil {
			return err
		}
		d.direct, d.Direct = true, on != inverse
		return nil
	}
}

func onlyRandom(_ *draft, v string) error {
	if v != "random" {
		return fmt.Errorf("the simulated drive knows no addresses, so all are equally likely, not %.20q", v)
	}
	return nil
}
