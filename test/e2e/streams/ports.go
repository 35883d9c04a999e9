// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

var portCases = []testCase{
	{"3 forwarded connections at a time", connections},
	{"64 MiB through a port and back", largeConnection},
	{"a port where nobody listens", refused},
}

// forward listens on a local port for the time of the context.
func (c *client) forward(ctx context.Context, port int) (int, <-chan error, error) {
	url := c.rest.Post().Resource("pods").Namespace("default").Name("net").SubResource("portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return 0, nil, err
	}
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, "POST", url)
	if c.executor == "websocket" {
		if dialer, err = portforward.NewSPDYOverWebsocketDialer(url, c.config); err != nil {
			return 0, nil, err
		}
	}
	ready := make(chan struct{})
	ports := []string{fmt.Sprintf("0:%d", port)}
	forwarder, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, ports, ctx.Done(), ready, io.Discard, io.Discard)
	if err != nil {
		return 0, nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		return 0, nil, fmt.Errorf("ended at once: %w", err)
	}
	forwarded, err := forwarder.GetPorts()
	if err != nil {
		return 0, nil, err
	}
	return int(forwarded[0].Local), ended, nil
}

func dial(port int) (*net.TCPConn, error) {
	connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	return connection.(*net.TCPConn), nil
}

func connections(ctx context.Context, c *client) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	local, _, err := c.forward(ctx, c.port)
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	results := make(chan error, 3)
	for i := range 3 {
		group.Go(func() {
			text := fmt.Sprintf("connection %d", i)
			got, err := roundTrip(local, strings.NewReader(text))
			if err == nil {
				err = wanted(string(got), text)
			}
			results <- err
		})
	}
	group.Wait()
	return errors.Join(<-results, <-results, <-results)
}

func roundTrip(port int, input io.Reader) ([]byte, error) {
	connection, err := dial(port)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	go func() {
		io.Copy(connection, input)
		connection.CloseWrite()
	}()
	return io.ReadAll(connection)
}

func largeConnection(ctx context.Context, c *client) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	local, _, err := c.forward(ctx, c.port)
	if err != nil {
		return err
	}
	connection, err := dial(local)
	if err != nil {
		return err
	}
	defer connection.Close()
	go func() {
		io.Copy(connection, io.LimitReader(pattern{}, large))
		connection.CloseWrite()
	}()
	hash := sha256.New()
	if _, err := io.Copy(hash, connection); err != nil {
		return err
	}
	return wanted(fmt.Sprintf("%x", hash.Sum(nil)), patternHash())
}

func refused(ctx context.Context, c *client) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	local, ended, err := c.forward(ctx, 1)
	if err != nil {
		return err
	}
	got, _ := roundTrip(local, strings.NewReader("x"))
	if err := wanted(string(got), ""); err != nil {
		return err
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return errors.New("the forwarder did not notice")
	}
}
