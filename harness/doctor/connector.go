package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// connector is whether a server has a KV connector: what is asked for in stack B is not told by its kind alone, of which only
// some have a page that tells tiers.
type connector int

const (
	unknownConnector connector = iota
	noConnector
	hasConnector
)

// connector is that of a server by its kind, its log and the stack that it was named for.
func (s *Instance) connector() connector {
	switch {
	case s.Log != nil && logConnector.MatchString(*s.Log):
		return hasConnector
	case s.Stack == "A" && s.Kind.KV != nil: // its page would tell tiers, but SGLang has it without HiCache, too
		return unknownConnector
	case s.Kind.KV != nil:
		return hasConnector
	case s.Stack == "A" && (s.Kind.Engine != nil || s.Kind.Build != nil): // an engine that is known, and no tier is asked of it
		return noConnector
	}
	return unknownConnector
}

// unsure says what is not known of a server of which nobody knows whether it has a connector, after what was seen of it.
func (s *Instance) unsure(said string) seen {
	return unknown("%s; whether %s, of kind %s, has a KV connector is not told", said, s.Stack, s.Kind.Server)
}

// seeded is whether Python's hash seed may be in the names of a server's blocks: vLLM begins them with Python's hash. Other engines
// do not (SGLang's are SHA-256 of tokens), nor do machines that are simulated. A server that nothing is known of may be vLLM.
func (s *Instance) seeded() bool {
	k := s.Kind
	switch {
	case k.Launch != nil && k.Launch.Simulated:
		return false
	case k.Dialect == "dynamo": // the page is its frontend's: the workers are those of its file, if it tells any
		return k.Launch == nil || k.Launch.Container == nil || slices.Contains(k.Launch.Container.Command, "dynamo.vllm")
	case k.Engine == nil:
		return k.Build == nil
	}
	for _, figure := range k.Engine.Figures {
		if slices.ContainsFunc(figure.Names, func(name string) bool { return strings.HasPrefix(name, "vllm:") }) {
			return true
		}
	}
	return false
}

// frontend says that the process which listens for a server is not the one that has the engine.
func (s *Instance) frontend() bool {
	if s.Kind.Launch == nil {
		return false
	}
	_, beside := s.Kind.Launch.Beside["frontend"]
	return beside
}

// errFrontend is why the process that listens is not looked at.
type errFrontend int

func (e errFrontend) Error() string {
	return fmt.Sprintf("process %d listens, which is the frontend and not the engine's worker", int(e))
}
