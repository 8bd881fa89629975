package main

import (
	"bytes"
	"context"
	"time"

	es "github.com/elastic/go-elasticsearch/v9"
	"github.com/elastic/go-elasticsearch/v9/esutil"
)

// esutil.BulkIndexer of go-elasticsearch 9.
func ship9(told order, lines <-chan string, said *book) error {
	config := es.Config{Addresses: []string{told.url}}
	if told.careful {
		config.MaxRetries = 200
		config.RetryOnStatus = []int{429, 502, 503, 504}
		config.RetryBackoff = func(int) time.Duration { return time.Second }
	}
	client, err := es.NewClient(config)
	if err != nil {
		return err
	}
	indexer, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{
		Client:        client,
		Index:         told.index,
		FlushInterval: time.Second,
		OnError:       func(_ context.Context, err error) { said.fault(err.Error()) },
	})
	if err != nil {
		return err
	}
	for line := range lines {
		err := indexer.Add(context.Background(), esutil.BulkIndexerItem{
			Action: "index",
			Body:   bytes.NewReader(document(line)),
			OnFailure: func(_ context.Context, _ esutil.BulkIndexerItem, item esutil.BulkIndexerResponseItem, err error) {
				if err == nil {
					said.fault(item.Error.Type)
				}
			},
		})
		if err != nil {
			return err
		}
	}
	err = indexer.Close(context.Background())
	// The callbacks are not called for a request that failed as a whole in every version; these figures are right in all.
	stats := indexer.Stats()
	said.delivered, said.lost = int(stats.NumFlushed), int(stats.NumFailed)
	return err
}
