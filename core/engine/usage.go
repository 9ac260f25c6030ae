package engine

import (
	"os"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/shirou/gopsutil/v4/process"

	"detnas/core/run"
	"detnas/core/tensor"
)

// usageEvery is how often the journal gets to know what the run takes of the
// machine.
const usageEvery = 10 * time.Second

// sample puts what the process takes of the machine into the journal, and what other
// ranks do, again and again until the function that it returns is called. What cannot be
// measured is left out.
func (e *engine) sample() (stop func()) {
	m, err := newMeter()
	if err != nil {
		return func() {}
	}
	every := e.opts.usageEvery
	if every <= 0 {
		every = usageEvery
	}
	ranks := e.sampleRanks(m)
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		busy, at := cpuSeconds(m.self), time.Now()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
			now, u := m.read(e.device)
			then := time.Now()
			u.CPU = max(0, now-busy) / max(then.Sub(at).Seconds(), 1e-9)
			busy, at = now, then
			e.note(u)
			ranks.sample()
		}
	}()
	return func() {
		close(quit)
		<-ended
		ranks.end()
		m.close()
	}
}

// meter measures what this process takes of the machine. It is used by one goroutine at
// a time.
type meter struct {
	self   *process.Process
	gpu    gpu
	device tensor.Device // of gpu
}

func newMeter() (*meter, error) {
	self, err := process.NewProcess(int32(os.Getpid())) //nolint:gosec // pids are small
	if err != nil {
		return nil, err
	}
	return &meter{self: self, device: tensor.CPU}, nil
}

// read is the seconds of processors that the process has taken so far, and what it takes
// now, but for the cores.
func (m *meter) read(device tensor.Device) (busy float64, u run.Usage) {
	if device != m.device {
		m.gpu.close()
		m.gpu, m.device = openGPU(int(device)), device
	}
	if info, err := m.self.MemoryInfo(); err == nil {
		u.Memory = int64(info.RSS) //nolint:gosec // bytes of memory
	}
	u.GPU, u.GPUBytes = m.gpu.use()
	return cpuSeconds(m.self), u
}

func (m *meter) close() { m.gpu.close() }

// cpuSeconds are the seconds of computing that the process has taken.
func cpuSeconds(p *process.Process) float64 {
	t, err := p.Times()
	if err != nil {
		return 0
	}
	return t.User + t.System
}

// gpu is the device that a run trains on, as NVIDIA's management library sees
// it; its zero value is none.
type gpu struct {
	device nvml.Device
	there  bool
}

// openGPU finds device n, if it is one and the library is there.
func openGPU(n int) gpu {
	if n < 0 || nvml.Init() != nvml.SUCCESS {
		return gpu{}
	}
	d, code := nvml.DeviceGetHandleByIndex(n)
	if code != nvml.SUCCESS {
		_ = nvml.Shutdown()
		return gpu{}
	}
	return gpu{device: d, there: true}
}

// use is the busy share of the device and the bytes in use on it.
func (g gpu) use() (share float64, bytes int64) {
	if !g.there {
		return 0, 0
	}
	if u, code := g.device.GetUtilizationRates(); code == nvml.SUCCESS {
		share = float64(u.Gpu) / 100
	}
	if m, code := g.device.GetMemoryInfo(); code == nvml.SUCCESS {
		bytes = int64(m.Used) //nolint:gosec // bytes of memory
	}
	return share, bytes
}

func (g gpu) close() {
	if g.there {
		_ = nvml.Shutdown()
	}
}
