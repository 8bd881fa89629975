package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/olivere/elastic/v7"
)

// BulkProcessor of olivere/elastic: requests of 500 documents, or of a second.
func shipOlivere(told order, lines <-chan string, said *book) error {
	client, err := elastic.NewClient(elastic.SetURL(told.url), elastic.SetSniff(false))
	if err != nil {
		return err
	}
	after := func(_ int64, requests []elastic.BulkableRequest, answer *elastic.BulkResponse, err error) {
		if err != nil {
			said.gave(len(requests), err.Error())
			return
		}
		said.took(len(answer.Succeeded()))
		for _, item := range answer.Failed() {
			said.gave(1, item.Error.Type)
		}
	}
	processor, err := client.BulkProcessor().BulkActions(500).FlushInterval(time.Second).After(after).Do(context.Background())
	if err != nil {
		return err
	}
	for line := range lines {
		processor.Add(elastic.NewBulkIndexRequest().Index(told.index).Doc(json.RawMessage(document(line))))
	}
	if err := processor.Flush(); err != nil {
		return err
	}
	return processor.Close()
}
