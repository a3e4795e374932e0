package main

import (
	"runtime"
	"sync/atomic"
)

const ringSize = 65_536

// A ring is a bounded queue of one producer and one consumer, as ring.hpp has it.
type ring struct {
	slots       [ringSize]int64
	_           [64]byte
	filled      atomic.Uint64 // by the producer; publishes the slots below it
	written     uint64
	emptiedSeen uint64
	_           [64]byte
	emptied     atomic.Uint64 // by the consumer; ends its reading of the slots below it
	read        uint64
	filledSeen  uint64
	_           [64]byte
}

// put waits while the ring is full.
func (r *ring) put(value int64) {
	for r.written-r.emptiedSeen == ringSize {
		r.emptiedSeen = r.emptied.Load()
		if r.written-r.emptiedSeen == ringSize {
			runtime.Gosched()
		}
	}
	r.slots[r.written%ringSize] = value
	r.written++
	r.filled.Store(r.written)
}

// take waits while the ring is empty.
func (r *ring) take() int64 {
	for r.read == r.filledSeen {
		r.filledSeen = r.filled.Load()
		if r.read == r.filledSeen {
			runtime.Gosched()
		}
	}
	value := r.slots[r.read%ringSize]
	r.read++
	r.emptied.Store(r.read)
	return value
}
