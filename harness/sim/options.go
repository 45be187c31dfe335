package sim

import (
	"encoding/json"
	"slices"
)

// streamOptions are those of a stream.
type streamOptions struct {
	IncludeUsage    *bool // true when the object is there, on all servers
	ContinuousUsage *bool // in each chunk too
	empty           bool
}

func (c *completion) includeUsage() bool {
	return c.StreamOptions != nil && (c.StreamOptions.IncludeUsage == nil || *c.StreamOptions.IncludeUsage)
}

// continuousUsage is whether each chunk says what has been used until it.
func (c *completion) continuousUsage() bool {
	return c.includeUsage() && c.StreamOptions.ContinuousUsage != nil && *c.StreamOptions.ContinuousUsage
}

// nvext is Dynamo's extension, of which only extra_fields is simulated.
type nvext struct{ ExtraFields []string }

func (n *nvext) wants(field string) bool { return n != nil && slices.Contains(n.ExtraFields, field) }

// setObject takes a member that is an object itself.
func (c *completion) setObject(m member, as reading) *refusal {
	if string(m.value) == "null" {
		return nil
	}
	if m.value[0] != '{' {
		return as.wrong(m, kindObject)
	}
	var names []string
	var set func(m member) *refusal
	switch m.name {
	case "stream_options":
		o := &streamOptions{empty: true}
		c.StreamOptions, names = o, []string{"include_usage", "continuous_usage_stats"}
		set = func(m member) *refusal {
			if m.name == "include_usage" {
				return read(as, m, kindSwitch, &o.IncludeUsage)
			}
			return read(as, m, kindSwitch, &o.ContinuousUsage)
		}
	case "nvext":
		n := &nvext{}
		c.NvExt, names = n, []string{"extra_fields"}
		set = func(m member) *refusal {
			if json.Unmarshal(m.value, &n.ExtraFields) != nil {
				return as.wrong(m, kindList)
			}
			return nil
		}
	case "lora_request":
		l := &loraRequest{}
		c.LoRA, names = l, []string{"lora_name", "lora_int_id", "lora_path"}
		set = func(m member) *refusal {
			switch m.name {
			case "lora_name":
				return read(as, m, kindText, &l.Name)
			case "lora_int_id":
				return read(as, m, kindInteger, &l.IntID)
			}
			return read(as, m, kindText, &l.Path)
		}
	}
	list, unknown, bad := once(m.value, as, func(name string) bool { return slices.Contains(names, name) })
	if bad != nil {
		return bad
	}
	if len(unknown) > 0 && !as.ignoresMore(m.name) {
		for i := range unknown {
			unknown[i] = m.name + "." + unknown[i]
		}
		return as.unknown(unknown)
	}
	if c.StreamOptions != nil && m.name == "stream_options" {
		c.StreamOptions.empty = len(list)+len(unknown) == 0
	}
	for _, inner := range list {
		if bad := set(inner); bad != nil {
			return bad
		}
	}
	return nil
}
