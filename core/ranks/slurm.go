package ranks

import (
	"cmp"
	"strconv"
	"strings"
)

// Slurm's ports: below those that systems give out by themselves, one for each of
// 10,000 jobs.
const (
	slurmFirstPort = 20000
	slurmPorts     = 10000
)

// inSlurmStep reports whether srun has started this process. A batch script has most
// of the variables too, and is no rank: what it starts without srun is alone.
func inSlurmStep(get func(string) string) bool {
	if get("SLURM_PROCID") == "" || slurmTasks(get) == "" {
		return false
	}
	return get("SLURM_STEP_ID") != "" || get("ENVIRONMENT") != "BATCH"
}

func slurmTasks(get func(string) string) string {
	return cmp.Or(get("SLURM_STEP_NUM_TASKS"), get("SLURM_NTASKS"), get("SLURM_NPROCS"))
}

// fromSlurm is the environment with Slurm's variables under PyTorch's names, where
// those are not set.
func fromSlurm(get func(string) string) func(string) string {
	return func(name string) string {
		if v := get(name); v != "" {
			return v
		}
		switch name {
		case "RANK":
			return get("SLURM_PROCID")
		case "WORLD_SIZE":
			return slurmTasks(get)
		case "LOCAL_RANK":
			return get("SLURM_LOCALID")
		case "LOCAL_WORLD_SIZE":
			tasks, _, _ := strings.Cut(cmp.Or(get("SLURM_STEP_TASKS_PER_NODE"), get("SLURM_TASKS_PER_NODE"), get("SLURM_NTASKS_PER_NODE")), "(")
			tasks, _, _ = strings.Cut(tasks, ",") // of the first node, which has no fewer
			return tasks
		case "MASTER_ADDR":
			return firstHost(cmp.Or(get("SLURM_STEP_NODELIST"), get("SLURM_JOB_NODELIST"), get("SLURM_NODELIST")))
		case "MASTER_PORT":
			id, err := strconv.Atoi(cmp.Or(get("SLURM_JOB_ID"), get("SLURM_JOBID")))
			if err != nil || id < 0 {
				return ""
			}
			return strconv.Itoa(slurmFirstPort + id%slurmPorts)
		case "TORCHELASTIC_RESTART_COUNT":
			return get("SLURM_RESTART_COUNT")
		}
		return ""
	}
}

// firstHost is the first of a list of hosts in Slurm's form: node7,
// node[03-05,9],other is node03.
func firstHost(list string) string {
	open := strings.IndexByte(list, '[')
	if comma := strings.IndexByte(list, ','); open < 0 || comma >= 0 && comma < open {
		first, _, _ := strings.Cut(list, ",")
		return first
	}
	inside, rest, _ := strings.Cut(list[open+1:], "]")
	number := inside[:len(inside)-len(strings.TrimLeft(inside, "0123456789"))]
	tail, _, _ := strings.Cut(rest, ",")
	return list[:open] + number + tail
}
