package harness

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/rig/serverrig"
)

// checked is what check says of flags.
func checked(t *testing.T, args ...string) (Options, error) {
	t.Helper()
	var o Options
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	o.Register(fs)
	require.NoError(t, fs.Parse(args))
	return o, o.check(fs, []string{"H0"})
}

// A build without the rig says in a line how to get it.
func TestSparkIsABuildOfItsOwn(t *testing.T) {
	known, had := rigs[sparkRig]
	assert.Equal(t, serverrig.Launches, had)
	delete(rigs, sparkRig)
	t.Cleanup(func() {
		if had {
			rigs[sparkRig] = known
		}
	})
	_, err := checked(t, "-rig", "spark")
	require.EqualError(t, err, "-rig spark: this build has disk, server, sim; rig spark starts servers on this machine and is built with go test -tags spark")
	for _, name := range []string{"launch", "model", "skip-doctor"} {
		_, err := checked(t, "-"+name+map[bool]string{true: "=true", false: "=x"}[name == "skip-doctor"])
		require.EqualError(t, err, "-"+name+" says what is started, or how: give -rig spark, too, which is built with go test -tags spark")
	}
}

// What is started, and where its tiers go, has to be said; what names servers that run already does not belong there.
func TestLaunchFlags(t *testing.T) {
	rigs["starts"] = kindOfRig{starts: true}
	t.Cleanup(func() { delete(rigs, "starts") })
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"-dir", "/nvme"}, "-rig spark: what is to be started? Give -launch A=vllm,B=vllm-disk"},
		{[]string{"-launch", "A=vllm"}, "-rig spark: which drive do the servers use? Give a folder on it with -dir"},
		{[]string{"-launch", "A=vllm,A=trtllm", "-dir", "/nvme"}, "-launch: stack A stands twice"},
		{[]string{"-launch", "B=vllm-fs,C=vllm", "-dir", "/nvme"}, "-launch names stack \"C\": there are A and B"},
		{[]string{"-launch", "vllm", "-dir", "/nvme", "-url", "http://127.0.0.1:1"}, "-url names a server that runs: give -rig server, too"},
		{[]string{"-launch", "vllm", "-dir", "/nvme", "-world", "default"}, "-world default: rig starts has no worlds"},
		{[]string{"-launch=", "-dir", "/nvme"}, "-launch is empty"},
		{[]string{"-launch", "A=vllm,B=vllm-disk", "-dir", "/nvme", "-device", "nvme0n1", "-model", "L8B", "-skip-doctor"}, ""},
	} {
		o, err := checked(t, append([]string{"-rig", "starts"}, tc.args...)...)
		if tc.want != "" {
			require.ErrorContains(t, err, tc.want)
			continue
		}
		require.NoError(t, err)
		c := o.choices()
		assert.Equal(t, map[string]string{"A": "vllm", "B": "vllm-disk"}, c.Launches)
		assert.Equal(t, []string{"L8B", "/nvme", "nvme0n1", ""}, []string{c.Model, c.Dir, c.Device, c.World})
		assert.Nil(t, c.Servers)
		assert.True(t, o.SkipDoctor)
	}
}
