package sim

import (
	"fmt"
	"slices"
)

// pool are the threads of the manager fs in one direction. A thread works for one job at a time, with one I/O in flight,
// file after file; jobs wait in order for a thread. So jobs of different requests run side by side, and one job is as fast
// as one thread (vllm/v1/kv_offload/tiering/fs/manager.py hands each job to the pool as a single task).
type pool struct {
	threads int
	waiting []job
	active  []threadJob
}

// threadJob is the job of a thread and its I/O.
type threadJob struct {
	job job
	id  int64
}

const (
	poolRead = iota
	poolWrite
)

// thread hands a job to a pool.
func (m *mover) thread(p int, j job, now int64) {
	m.pools[p].waiting = append(m.pools[p].waiting, j)
	m.beginThreads(p, now)
}

// beginThreads gives waiting jobs to idle threads.
func (m *mover) beginThreads(p int, now int64) {
	pool := &m.pools[p]
	for len(pool.waiting) > 0 && len(pool.active) < pool.threads {
		j := pool.waiting[0]
		pool.waiting = pool.waiting[1:]
		j.startedNS = now
		m.lastID++
		pool.active = append(pool.active, threadJob{job: j, id: m.lastID})
		io := IO{ID: m.lastID, Area: AreaKV, Blocks: j.stored, Bytes: m.size(&j), ended: m.ended,
			Stream: NVMeStream{Name: "kv-promotion", ReadShare: 1, IOBytes: m.spec.Loader.IOBytes, Depth: 1,
				SoftwareNS: m.spec.Loader.SoftwareNSPerIO, Sync: m.sleeps(jobDiskLoad)}}
		if p == poolWrite {
			io.Stream.Name, io.Stream.ReadShare, io.Stream.Sync = "kv-cascade", 0, m.sleeps(jobDiskWrite)
		}
		m.storage.Submit(now, io)
	}
}

// threadEnded takes the job of an I/O that has ended off its thread. An I/O that no thread knows has been dropped.
func (m *mover) threadEnded(ended endedIO, now int64) error {
	for p := range m.pools {
		pool := &m.pools[p]
		i := slices.IndexFunc(pool.active, func(t threadJob) bool { return t.id == ended.id })
		if i < 0 {
			continue
		}
		j := pool.active[i].job
		if ended.err != nil {
			return fmt.Errorf("%s: %w", &j, ended.err)
		}
		pool.active = slices.Delete(pool.active, i, i+1)
		m.finished = append(m.finished, j)
		m.beginThreads(p, now)
		return nil
	}
	return nil
}

// dropThreads gives up all jobs of the pools.
func (m *mover) dropThreads(now int64) {
	for p := range m.pools {
		for _, t := range m.pools[p].active {
			m.storage.Cancel(now, t.id)
		}
		m.pools[p].waiting, m.pools[p].active = nil, nil
	}
}
