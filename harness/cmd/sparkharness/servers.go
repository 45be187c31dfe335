package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sort"
	"sync"
	"syscall"

	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/sim"
)

// servers are the HTTP servers of the simulated machines.
type servers struct {
	out      io.Writer
	bind     string
	limits   limits
	dir      directory // in which real files take the place of the modelled drive
	adapters adapterFiles
	machines []*sim.Machine
	storages []*stored
	open     []server
	serving  sync.WaitGroup
}

// server is one of them, and the port that it has.
type server struct {
	name     string
	http     *http.Server
	listener net.Listener
}

// add starts one machine and opens the ports of its servers. It says nothing yet, so that a port that is
// taken is all that is told.
func (s *servers) add(ctx context.Context, o simrig.Options) error {
	spec, params, err := simrig.Spec(o)
	if err != nil {
		return err
	}
	addrs, err := simrig.Addresses(o.Stack)
	if err != nil {
		return err
	}
	m, err := s.machine(ctx, o, spec, params)
	if err != nil {
		return err
	}
	s.machines = append(s.machines, m)
	handlers := m.Handlers()
	names := make([]string, 0, len(handlers))
	for name := range handlers {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		_, port, err := net.SplitHostPort(addrs[name])
		if err != nil {
			return fmt.Errorf("the stack file's address of the %s server (%q) needs a port: %w", name, addrs[name], err)
		}
		l, err := s.listen(port)
		if err != nil {
			return fmt.Errorf("%s server of stack %s: %w", name, o.Stack.Stack, err)
		}
		s.open = append(s.open, server{
			name:     fmt.Sprintf("stack %s  %-9s http://%s  %s", o.Stack.Stack, name, l.Addr(), spec.Model.Served),
			http:     s.limits.server(handlers[name]),
			listener: patientListener{l.(*net.TCPListener), s.limits.write},
		})
	}
	return nil
}

func (s *servers) listen(port string) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(s.bind, port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use: stop the program that has it, or change the address in the stack file",
			net.JoinHostPort(s.bind, port))
	case err != nil:
		return nil, fmt.Errorf("%w (give an address of this machine with --bind)", err)
	}
	return l, nil
}

// start serves, and says where. It calls fail if a machine stops by itself, as one does whose storage fails.
func (s *servers) start(fail func()) {
	for _, m := range s.machines {
		s.serving.Go(func() {
			if <-m.Done(); m.Err() != nil {
				fail()
			}
		})
	}
	for _, srv := range s.open {
		s.serving.Go(func() {
			if err := srv.http.Serve(srv.listener); !errors.Is(err, http.ErrServerClosed) {
				fmt.Fprintln(s.out, "server:", err)
			}
		})
		fmt.Fprintln(s.out, srv.name)
	}
	for _, m := range s.machines {
		fmt.Fprint(s.out, m.StartupLog())
	}
}

// close stops everything, removes what has been stored, and waits, but not longer than the limits say: answers under way end at once, since
// their machine has stopped; those that are left then, and connections that say nothing, are cut.
func (s *servers) close() error {
	for _, m := range s.machines {
		m.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.stop)
	defer cancel()
	var stopping sync.WaitGroup
	for _, srv := range s.open {
		stopping.Go(func() {
			if srv.http.Shutdown(ctx) != nil {
				_ = srv.http.Close() // it is the last that can be done
			}
			_ = srv.listener.Close() // if it was never served
		})
	}
	stopping.Wait()
	s.serving.Wait()
	return s.closeStorages()
}
