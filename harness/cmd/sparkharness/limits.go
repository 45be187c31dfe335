package main

import (
	"net"
	"net/http"
	"time"
)

// limits bound what a client can hold of a server: a connection, and the memory and the slot behind it.
type limits struct {
	header      time.Duration // for the request line and the headers
	body        time.Duration // for a whole request, however long its body may be
	idle        time.Duration // between two requests
	write       time.Duration // for one write, to a client that does not read
	stop        time.Duration // for a clean stop
	headerBytes int
}

// defaultLimits: a body of 45 MiB takes a minute at 6 Mbit/s.
var defaultLimits = limits{
	header: 10 * time.Second, body: time.Minute, idle: time.Minute, write: 30 * time.Second, stop: time.Second,
	headerBytes: 64 << 10,
}

// server is an HTTP server with these limits. The time of a body ends with the body: net/http takes the deadline
// away before it goes on reading to learn that a client has gone, so that an answer may take hours.
func (l limits) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: l.header, ReadTimeout: l.body, IdleTimeout: l.idle, MaxHeaderBytes: l.headerBytes,
	}
}

// patientListener accepts connections on which each write has a time.
type patientListener struct {
	*net.TCPListener
	write time.Duration
}

func (l patientListener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return patientConn{c, l.write}, nil
}

type patientConn struct {
	*net.TCPConn
	write time.Duration
}

func (c patientConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.write)); err != nil {
		return 0, err
	}
	return c.TCPConn.Write(p)
}
