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
		{[]string{"-dir", "/nvme"}, "-rig spark: what is to be started? Give -launch A=vllm,B=vllm-fs"},
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

// A kind that there is not, or that does not say how it is started, is refused with those that there are, whichever stack is measured.
func TestUnknownKinds(t *testing.T) {
	rigs["starts"], rigs["asks"] = kindOfRig{starts: true}, kindOfRig{servers: true}
	t.Cleanup(func() { delete(rigs, "starts"); delete(rigs, "asks") })
	const some = "vllm, vllm-disk, vllm-fs)"
	for _, tc := range []struct {
		o    Options
		want []string // of each line; none: it is taken
	}{
		{Options{Rig: "starts", Launch: "A=nosuch,B=vllm-fs"}, []string{"-launch A=nosuch: there is no file servers/nosuch.yaml in the folder of configurations, ", some}},
		{Options{Rig: "starts", Launch: "A=vllm,B=../vllm"}, []string{`-launch B=../vllm: "../vllm" is no name of a file of servers/`, some}},
		{Options{Rig: "starts", Launch: "openai"}, []string{"-launch A=openai: servers/openai.yaml does not say how it is started (launch:): name one that does (dynamo, dynamo-kvbm, sim-dynamo,", some}},
		{Options{Rig: "starts", Launch: "A=vllm,B=vllm-fs"}, nil},
		{Options{Rig: "starts", Launch: "A=nosuch", Replay: "run"}, nil},
		{Options{Rig: "asks", Server: "A=vllm,B=nosuch"}, []string{"-server B=nosuch: there is no file servers/nosuch.yaml", some}},
		{Options{Rig: "asks", Server: "nosuch"}, []string{"-server nosuch: there is no file servers/nosuch.yaml", some}},
		{Options{Rig: "asks", Server: "A=vllm,B=openai"}, nil},
		{Options{Rig: defaultRig, Launch: "A=nosuch", Server: "nosuch"}, nil},
	} {
		tc.o.Root = ".."
		err := tc.o.checkKinds()
		if tc.want == nil {
			require.NoError(t, err)
			continue
		}
		for _, want := range tc.want {
			require.ErrorContains(t, err, want)
		}
		assert.NotContains(t, err.Error(), "\n")
	}
	none := Options{Rig: "starts", Launch: "vllm", Configs: "nosuch", Root: ".."}
	require.ErrorContains(t, none.checkKinds(), "-configs: there is no folder of configurations ")
}

// A query may hold a key, and what is asked stands in config.yaml.
func TestMetricsHaveNoQuery(t *testing.T) {
	given := map[string]bool{"url": true, "metrics": true, "device": true}
	o := &Options{Rig: "server", URL: "http://127.0.0.1:8355", Metrics: "/prometheus/metrics", Device: "nvme0n1"}
	require.Empty(t, o.checkServers(given))
	o.Metrics = "/prometheus/metrics?api_key=QUERYSECRET"
	faults := o.checkServers(given)
	require.Len(t, faults, 1)
	require.ErrorContains(t, faults[0], "-metrics has a query (the part after ?), which may hold a key")
	assert.NotContains(t, faults[0].Error(), "QUERYSECRET")
}
