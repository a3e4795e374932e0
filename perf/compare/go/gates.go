package main

import (
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

// A pair is a weight and a rate, as a service in Go puts them together.
type pair struct {
	weights *semaphore.Weighted
	tokens  *rate.Limiter
}

// enter takes the permit first: it can be given back, a token cannot.
func (p *pair) enter() bool {
	if !p.weights.TryAcquire(weight) {
		return false
	}
	if !p.tokens.Allow() {
		p.weights.Release(weight)
		return false
	}
	return true
}

func (p *pair) leave() { p.weights.Release(weight) }

// A gate has all that weir's has: a count, a door that may be closed, and a deadline; it reads the clock once.
type gate struct {
	pair
	tasks    *semaphore.Weighted
	closed   atomic.Bool
	deadline time.Time
}

func (g *gate) enter() bool {
	now := time.Now()
	if g.closed.Load() || !now.Before(g.deadline) || !g.tasks.TryAcquire(1) {
		return false
	}
	if !g.weights.TryAcquire(weight) {
		g.tasks.Release(1)
		return false
	}
	if !g.tokens.AllowN(now, 1) {
		g.weights.Release(weight)
		g.tasks.Release(1)
		return false
	}
	return true
}

func (g *gate) leave() {
	g.weights.Release(weight)
	g.tasks.Release(1)
}

func newPair(room int64) *pair {
	return &pair{semaphore.NewWeighted(room), rate.NewLimiter(plenty, plenty)}
}

func newGate(tasks int64) *gate {
	return &gate{
		pair:     *newPair(100_000),
		tasks:    semaphore.NewWeighted(tasks),
		deadline: time.Now().Add(time.Hour),
	}
}

func passPair(threads int, each int64) timed {
	p := newPair(100_000)
	return timeOf(threads, each, func(int) int64 {
		var right int64
		for k := int64(0); k < each; k++ {
			if p.enter() {
				p.leave()
				right++
			}
		}
		return right
	})
}

func passGate(threads int, each int64) timed {
	g := newGate(1000)
	return timeOf(threads, each, func(int) int64 {
		var right int64
		for k := int64(0); k < each; k++ {
			if g.enter() {
				g.leave()
				right++
			}
		}
		return right
	})
}

func refuseGate(threads int, each int64) timed {
	g := newGate(1)
	require(g.enter(), "the first admission")
	return timeOf(threads, each, func(int) int64 {
		var right int64
		for k := int64(0); k < each; k++ {
			if !g.enter() {
				right++
			}
		}
		return right
	})
}

func gates() []row {
	return []row{
		{"gate", "go", 1, passGate},
		{"gate", "go,pair", 1, passPair},
		{"gate", "go", 2, passGate},
		{"gate", "go,pair", 2, passPair},
		{"gate_refused", "go", 1, refuseGate},
		{"gate_refused", "go", 2, refuseGate},
	}
}
