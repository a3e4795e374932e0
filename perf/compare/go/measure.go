package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Linux's numbers of the clocks of CPU time.
const (
	processClock = 2
	threadClock  = 3
)

// cpuSeconds is the CPU time of the thread or of the process.
func cpuSeconds(clock uintptr) float64 {
	var spent syscall.Timespec
	_, _, failed := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&spent)), 0)
	require(failed == 0, "a reading of the clock of CPU time")
	return float64(spent.Sec) + float64(spent.Nsec)/1e9
}

// timed is what operations took all goroutines together. share is how much of the CPUs that they could use they had:
// less than all where they slept, or where others ran.
type timed struct {
	seconds    float64
	operations int64
	share      float64
}

func require(holds bool, what string) {
	if holds {
		return
	}
	fmt.Fprintln(os.Stderr, "weir_compare_go: wrong:", what)
	os.Exit(1)
}

// timeOf runs work(i) in goroutine i of threads at once: CPU time of one, else from the first one's start to the last
// one's end. work returns how many of its operations ended as they should, which must be each.
func timeOf(threads int, each int64, work func(i int) int64) timed {
	if threads == 1 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		from := cpuSeconds(threadClock)
		right := work(0)
		to := cpuSeconds(threadClock)
		require(right == each, "as many right results as operations")
		return timed{to - from, each, 1}
	}
	type lap struct {
		from, to time.Time
		right    int64
	}
	laps := make([]lap, threads)
	cpus := runtime.GOMAXPROCS(0)
	var cpu float64
	var ready atomic.Int32
	run := func(i int) {
		ready.Add(1)
		for int(ready.Load()) < threads {
			// Who has a CPU keeps it, so that the others begin on CPUs of their own.
			if threads > cpus {
				runtime.Gosched()
			}
		}
		if i == 0 {
			cpu = -cpuSeconds(processClock)
		}
		from := time.Now()
		right := work(i)
		laps[i] = lap{from, time.Now(), right}
	}
	var others sync.WaitGroup
	for i := 1; i < threads; i++ {
		others.Add(1)
		go func(i int) {
			defer others.Done()
			run(i)
		}(i)
	}
	run(0)
	others.Wait()
	cpu += cpuSeconds(processClock)
	all := laps[0]
	for _, one := range laps {
		require(one.right == each, "as many right results as operations")
		if one.from.Before(all.from) {
			all.from = one.from
		}
		if one.to.After(all.to) {
			all.to = one.to
		}
	}
	seconds := all.to.Sub(all.from).Seconds()
	return timed{seconds, each * int64(threads), cpu / (seconds * float64(cpus))}
}
