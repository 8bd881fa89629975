// Reads lines and ships each as a document with one of the bulk helpers of Go. See ../README.md for what it is told and what it says.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// What the program was told.
type order struct {
	client, url, index string
	// With the setting that helps, instead of the defaults.
	careful bool
}

// Counts what the helper says about documents.
type book struct {
	mu              sync.Mutex
	delivered, lost int
	faults          map[string]int
}

func (b *book) took(n int) { b.mu.Lock(); b.delivered += n; b.mu.Unlock() }

func (b *book) gave(n int, fault string) {
	b.fault(fault)
	b.mu.Lock()
	b.lost += n
	b.mu.Unlock()
}

func (b *book) fault(fault string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(fault) > 120 {
		fault = fault[:120]
	}
	if len(b.faults) < 8 || b.faults[fault] > 0 {
		b.faults[fault]++
	}
}

func document(line string) []byte {
	body, err := json.Marshal(map[string]string{"@timestamp": time.Now().UTC().Format(time.RFC3339Nano), "message": line, "log.level": "info"})
	if err != nil {
		panic(err)
	}
	return body
}

func main() {
	told := order{os.Getenv("CLIENT"), os.Getenv("ES_URL"), os.Getenv("INDEX"), os.Getenv("CAREFUL") != ""}
	lines := make(chan string)
	go func() {
		in := bufio.NewScanner(os.Stdin)
		in.Buffer(make([]byte, 1<<16), 1<<20)
		for in.Scan() {
			lines <- in.Text()
		}
		close(lines)
	}()
	ship := map[string]func(order, <-chan string, *book) error{"7": ship7, "8": ship8, "9": ship9, "olivere": shipOlivere}[told.client]
	if ship == nil {
		panic("no such client: " + told.client)
	}
	said := &book{faults: map[string]int{}}
	if err := ship(told, lines, said); err != nil {
		panic(err)
	}
	out, _ := json.Marshal(map[string]any{"delivered": said.delivered, "lost": said.lost, "faults": said.faults})
	fmt.Println("said " + string(out))
}
