// The peers in Go of weir_compare: golang.org/x/sync/semaphore and golang.org/x/time/rate. The same questions, the same
// operations and the same lines: question, subject, threads, nanoseconds.
package main

import (
	"flag"
	"fmt"
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

// nanoseconds doubles the operations, or more, until they take shortest seconds.
func nanoseconds(asked row, shortest float64, once bool) float64 {
	runtime.GOMAXPROCS(asked.threads)
	if asked.threads > runtime.NumCPU() {
		runtime.GOMAXPROCS(runtime.NumCPU())
	}
	each := int64(200)
	for {
		taken := asked.ask(asked.threads, each)
		if once || taken.seconds >= shortest {
			return taken.seconds * 1e9 / float64(taken.operations)
		}
		more := 1.2 * shortest / taken.seconds
		if !(more > 2) {
			more = 2
		}
		if more > 16 {
			more = 16
		}
		each = int64(float64(each) * more)
	}
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
		fmt.Printf("%s %s %d %.2f\n", one.question, one.subject, one.threads, nanoseconds(one, *shortest/1e3, *smoke))
	}
}
