package disk

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// Owner is a process, told apart from every other one: numbers of processes come round again, machines are restarted,
// and hosts share folders.
type Owner struct {
	PID   int       `json:"pid"`
	Start uint64    `json:"start"` // clock ticks from boot to its start: field 22 of /proc/<pid>/stat, 0 if unknown
	Boot  string    `json:"boot"`  // /proc/sys/kernel/random/boot_id, "" if unknown
	Host  string    `json:"host"`
	Since time.Time `json:"since"` // when it took what it owns
}

// life says what can be told of a process from here.
type life int

const (
	unknown life = iota // it runs, or ran, where this process cannot look
	alive
	dead
)

// self is this process.
var self = sync.OnceValue(func() Owner {
	o := Owner{PID: os.Getpid()}
	o.Start, _ = startOf(o.PID) // 0: not on this system
	if b, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		o.Boot = strings.TrimSpace(string(b))
	}
	o.Host, _ = os.Hostname() // "": the kernel has none
	return o
})

// life tells whether the process still runs. Whoever has its number but started at another time is another process.
// Numbers compare on one host only: containers share a kernel, and its boot, without seeing each other.
func (o Owner) life() life {
	here := self()
	switch {
	case o.Host != here.Host:
		return unknown
	case here.Start == 0:
		return unknown // no /proc
	case o.Boot != here.Boot:
		return dead // the machine has been started anew
	}
	start, runs := startOf(o.PID)
	if !runs || o.Start != 0 && start != o.Start {
		return dead
	}
	return alive
}

// startOf is when a process of this machine started, in clock ticks after boot; false if there is none.
func startOf(pid int) (ticks uint64, runs bool) {
	p, there := ProcessOf(pid)
	return p.Start, there && !p.Zombie // a zombie holds nothing any more
}

// OwnerOf is the process that runs under a number on this machine; false if there is none.
func OwnerOf(pid int) (Owner, bool) {
	o := self()
	start, runs := startOf(pid)
	o.PID, o.Start, o.Since = pid, start, time.Now().UTC().Truncate(time.Second)
	return o, runs
}

// Alive says whether the process is known to run. One that is neither alive nor dead is where this process cannot look.
func (o Owner) Alive() bool { return o.life() == alive }

// Dead says whether the process is known to have ended.
func (o Owner) Dead() bool { return o.life() == dead }

// ThisBoot says whether the machine that the process ran on is this one, and has not been started anew since.
func (o Owner) ThisBoot() bool { return o.Host == self().Host && o.Boot != "" && o.Boot == self().Boot }

// String says who it is, for a message.
func (o Owner) String() string {
	return fmt.Sprintf("process %d on host %s, since %s", o.PID, o.Host, o.Since.Local().Format(time.DateTime))
}

// parseOwner reads an owner's text; false if that is missing or torn.
func parseOwner(text []byte) (o Owner, ok bool) {
	return o, json.Unmarshal(text, &o) == nil && o.PID > 0
}

// text is what parseOwner reads.
func (o Owner) text() ([]byte, error) {
	b, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode the owner: %w", err)
	}
	return append(b, '\n'), nil
}
