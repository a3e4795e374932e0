package main

import "golang.org/x/sync/semaphore"

const holders = 200_000 // more than two rings hold, so that nothing is refused

// passOn lets one goroutine acquire and two give back: put hands what was acquired to one of the two, take gets it
// there. Without a semaphore it is what the handing over takes.
func passOn(each int64, s *semaphore.Weighted, put func(to int, value int64), take func(of int) int64) timed {
	taken := timeOf(3, each, func(i int) int64 {
		var right int64
		for k := int64(0); k < each; k++ {
			if i > 0 {
				back := take(i - 1)
				if s != nil {
					s.Release(back)
				}
				if back == weight {
					right++
				}
				continue
			}
			for to := 0; to < 2; to++ {
				var held int64 = weight
				if s != nil && !s.TryAcquire(weight) {
					held = 0
				}
				put(to, held)
			}
			right++
		}
		return right
	})
	taken.operations = 2 * each
	return taken
}

func passOnByRings(each int64, s *semaphore.Weighted) timed {
	rings := [2]*ring{new(ring), new(ring)}
	return passOn(each, s, func(to int, value int64) { rings[to].put(value) },
		func(of int) int64 { return rings[of].take() })
}

func doorByRings(_ int, each int64) timed {
	return passOnByRings(each, semaphore.NewWeighted(holders*weight))
}

func doorByChannels(_ int, each int64) timed {
	channels := [2]chan int64{make(chan int64, ringSize), make(chan int64, ringSize)}
	return passOn(each, semaphore.NewWeighted(holders*weight), func(to int, value int64) { channels[to] <- value },
		func(of int) int64 { return <-channels[of] })
}

func bareRings(_ int, each int64) timed { return passOnByRings(each, nil) }

func doors() []row {
	return []row{
		{"door", "go", 3, doorByRings},
		{"door", "go,channel", 3, doorByChannels},
		{"door", "go,bare", 3, bareRings},
	}
}
