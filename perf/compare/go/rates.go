package main

import (
	"time"

	"golang.org/x/time/rate"
)

const plenty = 1_000_000_000

// take takes tokens of a rate that has plenty, or is refused by one that has none for an hour; by the clock that the
// limiter reads itself, or at one time that was read before.
func take(granted, ownClock bool) func(int, int64) timed {
	return func(threads int, each int64) timed {
		l := rate.NewLimiter(plenty, plenty)
		if !granted {
			l = rate.NewLimiter(rate.Every(time.Hour), 1)
			require(l.Allow(), "the first token")
		}
		now := time.Now()
		return timeOf(threads, each, func(int) int64 {
			var right int64
			if ownClock {
				for k := int64(0); k < each; k++ {
					if l.Allow() == granted {
						right++
					}
				}
			} else {
				for k := int64(0); k < each; k++ {
					if l.AllowN(now, 1) == granted {
						right++
					}
				}
			}
			return right
		})
	}
}

func rates() []row {
	return []row{
		{"token", "go", 1, take(true, true)},
		{"token", "go", 2, take(true, true)},
		{"token_at", "go", 1, take(true, false)},
		{"token_at", "go", 2, take(true, false)},
		{"token_refused", "go", 1, take(false, true)},
		{"token_refused", "go", 2, take(false, true)},
		{"token_at_refused", "go", 1, take(false, false)},
		{"token_at_refused", "go", 2, take(false, false)},
	}
}
