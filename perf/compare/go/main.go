// The peers in Go of weir_compare: golang.org/x/sync/semaphore and golang.org/x/time/rate. The same questions, the same
// operations and the same lines: question, subject, threads, nanoseconds, share.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
)

// A row is one question to one subject. ask does each operations a goroutine, of which threads run at once, and ends
// the program where a result is wrong.
type row struct {
	question string
	subject  string
	threads  int
	ask      func(threads int, each int64) timed
}

// measure does as many operations as take shortest seconds. Several goroutines are looked at in short windows until they
// all run at the same time in one; where none of 20 is so, since others have their CPUs, the best counts.
func measure(asked row, shortest float64, once bool) timed {
	if asked.threads > 1 {
		shortest /= 4
	}
	cpus := asked.threads
	if cpus > runtime.NumCPU() {
		cpus = runtime.NumCPU()
	}
	runtime.GOMAXPROCS(cpus)
	each := int64(200)
	best := asked.ask(asked.threads, each)
	for !once && best.seconds < shortest {
		more := math.Max(2, math.Min(16, 1.2*shortest/best.seconds))
		each = int64(float64(each) * more)
		best = asked.ask(asked.threads, each)
	}
	for again := 1; again < 20 && !once && best.share < 0.95; again++ {
		if next := asked.ask(asked.threads, each); next.share > best.share {
			best = next
		}
	}
	return best
}

func main() {
	shortest := flag.Float64("ms", 20, "each row takes at least so many milliseconds")
	only := flag.String("only", "", "this question alone")
	smoke := flag.Bool("smoke", false, "each row once, with few operations")
	version := flag.Bool("version", false, "the version of Go")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if *version {
		fmt.Println(runtime.Version())
		return
	}
	var rows []row
	for _, add := range []func() []row{permits, doors, rates, gates, queues} {
		rows = append(rows, add()...)
	}
	for _, one := range rows {
		if *only != "" && one.question != *only {
			continue
		}
		taken := measure(one, *shortest/1e3, *smoke)
		fmt.Printf("%s %s %d %.2f %.2f\n", one.question, one.subject, one.threads,
			taken.seconds*1e9/float64(taken.operations), taken.share)
	}
}
