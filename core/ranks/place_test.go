package ranks

import (
	"slices"
	"strings"
	"testing"
)

func from(pairs ...string) func(string) string {
	env := map[string]string{}
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		env[name] = value
	}
	return func(name string) string { return env[name] }
}

func TestFromEnv(t *testing.T) {
	tests := []struct {
		name string
		env  []string
		want Place
	}{
		{"nothing", nil, Place{World: 1}},
		{"a world of one", []string{"RANK=0", "WORLD_SIZE=1"}, Place{World: 1, Attempt: "0"}},
		{
			"torchrun",
			[]string{
				"RANK=3", "WORLD_SIZE=4", "LOCAL_RANK=1", "LOCAL_WORLD_SIZE=2", "MASTER_ADDR=node0", "MASTER_PORT=29400",
				"TORCHELASTIC_USE_AGENT_STORE=True", "TORCHELASTIC_RUN_ID=none", "TORCHELASTIC_RESTART_COUNT=2",
			},
			Place{Rank: 3, World: 4, LocalRank: 1, LocalWorld: 2, Addr: "node0", Port: 29400, Kept: true, Attempt: "none-2"},
		},
		{
			"detnas launch, whatever else is set",
			[]string{"RANK=1", "WORLD_SIZE=2", "LOCAL_RANK=1", "LOCAL_WORLD_SIZE=2", "DETNAS_STORE=launch-5f", "MASTER_ADDR=node0", "MASTER_PORT=99999", "TORCHELASTIC_RUN_ID=x", "TORCHELASTIC_RESTART_COUNT=3"},
			Place{Rank: 1, World: 2, LocalRank: 1, LocalWorld: 2, Store: "launch-5f", Launched: true, Attempt: "0"},
		},
		{
			"one machine without a launcher",
			[]string{"RANK=1", "WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1", "MASTER_PORT=29500"},
			Place{Rank: 1, World: 2, Addr: "127.0.0.1", Port: 29500, Store: "port-29500", Attempt: "0"},
		},
		{
			"one machine by its name",
			[]string{"RANK=1", "WORLD_SIZE=2", "MASTER_ADDR=LocalHost.", "MASTER_PORT=29500"},
			Place{Rank: 1, World: 2, Addr: "LocalHost.", Port: 29500, Store: "port-29500", Attempt: "0"},
		},
		{
			"torchrun on one machine", // whose store is at the port
			[]string{"RANK=1", "WORLD_SIZE=2", "MASTER_ADDR=localhost", "MASTER_PORT=29500", "TORCHELASTIC_USE_AGENT_STORE=True"},
			Place{Rank: 1, World: 2, Addr: "localhost", Port: 29500, Kept: true, Attempt: "0"},
		},
		{
			"a PyTorchJob",
			[]string{"RANK=1", "WORLD_SIZE=2", "MASTER_ADDR=job-master-0", "MASTER_PORT=23456"},
			Place{Rank: 1, World: 2, Addr: "job-master-0", Port: 23456, Attempt: "0"},
		},
		{
			"srun",
			[]string{
				"SLURM_PROCID=5", "SLURM_STEP_NUM_TASKS=8", "SLURM_NTASKS=16", "SLURM_LOCALID=1", "SLURM_STEP_TASKS_PER_NODE=4(x2)",
				"SLURM_STEP_NODELIST=gpu[07-08]", "SLURM_JOB_ID=1234567", "SLURM_STEP_ID=0", "ENVIRONMENT=BATCH",
			},
			Place{Rank: 5, World: 8, LocalRank: 1, LocalWorld: 4, Addr: "gpu07", Port: 24567, Attempt: "0"},
		},
		{"a batch script outside srun", []string{"SLURM_PROCID=0", "SLURM_NTASKS=8", "SLURM_JOB_ID=7", "ENVIRONMENT=BATCH"}, Place{World: 1}},
		{
			"Slurm beside torchrun",
			[]string{"SLURM_PROCID=5", "SLURM_NTASKS=8", "SLURM_STEP_ID=0", "RANK=0", "WORLD_SIZE=2", "MASTER_ADDR=a", "MASTER_PORT=1"},
			Place{World: 2, Addr: "a", Port: 1, Attempt: "0"},
		},
	}
	for _, tt := range tests {
		got, err := FromEnv(from(tt.env...))
		if err != nil || got != tt.want {
			t.Errorf("%s: %+v (%v), want %+v", tt.name, got, err, tt.want)
		}
	}
}

func TestFromEnvRefuses(t *testing.T) {
	tests := []struct {
		want string
		env  []string
	}{
		{"WORLD_SIZE is not", []string{"RANK=0"}},
		{"RANK is not", []string{"WORLD_SIZE=2"}},
		{"from 0 to 1", []string{"RANK=2", "WORLD_SIZE=2", "MASTER_ADDR=a", "MASTER_PORT=1"}},
		{`RANK="x"`, []string{"RANK=x", "WORLD_SIZE=2", "MASTER_ADDR=a", "MASTER_PORT=1"}},
		{"MASTER_ADDR is not set", []string{"RANK=0", "WORLD_SIZE=2", "MASTER_PORT=1"}},
		{"MASTER_PORT is not set", []string{"RANK=0", "WORLD_SIZE=2", "MASTER_ADDR=a"}},
		{`MASTER_PORT="70000"`, []string{"RANK=0", "WORLD_SIZE=2", "MASTER_ADDR=a", "MASTER_PORT=70000"}},
		{"LOCAL_WORLD_SIZE=3", []string{"RANK=0", "WORLD_SIZE=2", "LOCAL_WORLD_SIZE=3", "MASTER_ADDR=a", "MASTER_PORT=1"}},
		{"each machine's own", []string{"RANK=0", "WORLD_SIZE=4", "LOCAL_WORLD_SIZE=2", "MASTER_ADDR=::1", "MASTER_PORT=1"}},
		{"DETNAS_STORE=", []string{"RANK=0", "WORLD_SIZE=2", "DETNAS_STORE=a b"}},
		{"LOCAL_RANK=2", []string{"RANK=0", "WORLD_SIZE=2", "LOCAL_WORLD_SIZE=2", "LOCAL_RANK=2", "MASTER_ADDR=a", "MASTER_PORT=1"}},
	}
	for _, tt := range tests {
		if _, err := FromEnv(from(tt.env...)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %s", tt.env, err, tt.want)
		}
	}
}

func TestLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "127.1": true, "127.0.1": true, "0177.1": true, "0x7f.1": true, "0x7F000001": true, "2130706433": true, "017700000001": true,
		"::1": true, "::ffff:127.0.0.1": true, "LocalHost.": true, "localhost": true, "127.255.255.254": true,
		"10.1": false, "127": false, "127.": false, "127.0.0.256": false, "127.0.0.0.1": false, "0o177.1": false, "0b1.1": false, "0x7_f.1": false, "127.0_0.1": false, "node7": false, "": false, "256.1": false, "::2": false, "128.0.0.1": false, "127.x": false, "4294967296": false, "-1": false,
	} {
		if got := loopback(addr); got != want {
			t.Errorf("%q: %v, want %v", addr, got, want)
		}
	}
}

func TestFirstHost(t *testing.T) {
	for list, want := range map[string]string{
		"node7": "node7", "node7,node8": "node7", "node[03-05,9],other": "node03", "a[1,3]-ib": "a1-ib", "x,node[1-2]": "x", "": "",
	} {
		if got := firstHost(list); got != want {
			t.Errorf("firstHost(%q) = %q, want %q", list, got, want)
		}
	}
}

func TestShare(t *testing.T) {
	for _, tt := range []struct{ local, cores, want int }{{0, 8, 8}, {2, 8, 4}, {3, 2, 1}, {3, 8, 2}} {
		if got := (Place{LocalWorld: tt.local}).Share(tt.cores); got != tt.want {
			t.Errorf("%d processes on %d cores: %d, want %d", tt.local, tt.cores, got, tt.want)
		}
	}
}

// Every place falls to one rank, whatever the numbers.
func TestTurns(t *testing.T) {
	for _, tt := range []struct {
		world int
		n     int64
		want  [][]int64
	}{
		{0, 3, [][]int64{{0, 1, 2}}}, // a process that is no rank
		{1, 3, [][]int64{{0, 1, 2}}},
		{2, 5, [][]int64{{0, 2, 4}, {1, 3}}},
		{3, 7, [][]int64{{0, 3, 6}, {1, 4}, {2, 5}}},
		{3, 3, [][]int64{{0}, {1}, {2}}},
		{3, 1, [][]int64{{0}, nil, nil}},
		{2, 0, [][]int64{nil, nil}},
	} {
		for rank, want := range tt.want {
			if got := Turns(rank, tt.world, tt.n); !slices.Equal(got, want) {
				t.Errorf("rank %d of %d, %d places: %v, want %v", rank, tt.world, tt.n, got, want)
			}
		}
	}
}

// Only rank 0 of several machines opens a port.
func TestOpens(t *testing.T) {
	for _, tt := range []struct {
		place Place
		want  bool
	}{
		{Place{World: 1}, false},
		{Place{World: 2, Addr: "node0", Port: 1}, true},
		{Place{World: 2, Rank: 1, Addr: "node0", Port: 1}, false},
		{Place{World: 2, Addr: "node0", Port: 1, Kept: true}, false},
		{Place{World: 2, Store: "port-1"}, false},
	} {
		if got := tt.place.Opens(); got != tt.want {
			t.Errorf("%+v opens a port: %v", tt.place, got)
		}
	}
}
