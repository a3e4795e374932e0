package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// timed is what operations took all goroutines together.
type timed struct {
	seconds    float64
	operations int64
}

func require(holds bool, what string) {
	if holds {
		return
	}
	fmt.Fprintln(os.Stderr, "weir_compare_go: wrong:", what)
	os.Exit(1)
}

// timeOf runs work(i) in goroutine i of threads at once, from the first one's start to the last one's end. It returns
// how many of its operations ended as they should, which must be each.
func timeOf(threads int, each int64, work func(i int) int64) timed {
	type lap struct {
		from, to time.Time
		right    int64
	}
	laps := make([]lap, threads)
	var ready atomic.Int32
	run := func(i int) {
		ready.Add(1)
		for int(ready.Load()) < threads {
			runtime.Gosched()
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
	return timed{all.to.Sub(all.from).Seconds(), each * int64(threads)}
}
