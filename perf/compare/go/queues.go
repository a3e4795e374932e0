package main

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// queued lets goroutines wait at a limit of one, in whose line they are before it begins, and each give back what it
// was granted: from the first grant to the last one's end. One thread runs them, but
// for what Go's runtime does beside it, which is counted.
func queued(_ int, each int64) timed {
	s := semaphore.NewWeighted(1)
	ctx := context.Background()
	require(s.TryAcquire(1), "the first permit")
	var ran int64 // guarded by s
	var begun atomic.Int64
	var all sync.WaitGroup
	for k := int64(0); k < each; k++ {
		all.Add(1)
		go func() {
			begun.Add(1)
			if s.Acquire(ctx, 1) == nil {
				ran++
				s.Release(1)
			}
			all.Done()
		}()
	}
	for begun.Load() < each {
		runtime.Gosched()
	}
	time.Sleep(time.Millisecond) // also who was interrupted on the way into the line is in it
	begin := cpuSeconds(processClock)
	s.Release(1)
	all.Wait()
	taken := cpuSeconds(processClock) - begin
	require(ran == each, "each queued goroutine once")
	return timed{taken, each, 1}
}

func queues() []row { return []row{{"queued", "go", 1, queued}} }
