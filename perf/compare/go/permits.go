package main

import (
	"context"

	"golang.org/x/sync/semaphore"
)

const (
	weight  = 3
	farAway = 1000
)

// tryPermit takes a permit and gives it back, of a semaphore with room for so many holders.
func tryPermit(holders int64) func(int, int64) timed {
	return func(threads int, each int64) timed {
		s := semaphore.NewWeighted(holders * weight)
		return timeOf(threads, each, func(int) int64 {
			var right int64
			for k := int64(0); k < each; k++ {
				if s.TryAcquire(weight) {
					s.Release(weight)
					right++
				}
			}
			return right
		})
	}
}

// acquirePermit is the same by the call that may wait, and does not.
func acquirePermit(threads int, each int64) timed {
	s := semaphore.NewWeighted(farAway * weight)
	ctx := context.Background()
	return timeOf(threads, each, func(int) int64 {
		var right int64
		for k := int64(0); k < each; k++ {
			if s.Acquire(ctx, weight) == nil {
				s.Release(weight)
				right++
			}
		}
		return right
	})
}

func refusePermit(threads int, each int64) timed {
	s := semaphore.NewWeighted(weight)
	require(s.TryAcquire(weight), "the first permit")
	return timeOf(threads, each, func(int) int64 {
		var right int64
		for k := int64(0); k < each; k++ {
			if !s.TryAcquire(weight) {
				right++
			}
		}
		return right
	})
}

func permits() []row {
	return []row{
		{"permit", "go", 1, tryPermit(farAway)},
		{"permit", "go", 2, tryPermit(farAway)},
		{"permit_near", "go", 2, tryPermit(2)},
		{"permit_acquire", "go", 1, acquirePermit},
		{"permit_acquire", "go", 2, acquirePermit},
		{"permit_refused", "go", 1, refusePermit},
		{"permit_refused", "go", 2, refusePermit},
	}
}
