// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
)

type target struct {
	config   *rest.Config
	executor string
	size     int64
}

// measure prints one JSON object: what each thing came to, in MB/s or per second.
func measure(args []string) {
	flags := flag.NewFlagSet("measure", flag.ExitOnError)
	server := flags.String("server", "", "URL of the kubelet API")
	executor := flags.String("executor", "spdy", "spdy or websocket")
	megabytes := flags.Int64("mb", 512, "how much to move for each row")
	fail(flags.Parse(args))
	t := &target{
		config:   &rest.Config{Host: *server, TLSClientConfig: rest.TLSClientConfig{Insecure: true}},
		executor: *executor,
		size:     *megabytes << 20,
	}
	results := map[string]float64{}
	for _, row := range []struct {
		name string
		run  func() (float64, error)
	}{
		{"execOut", t.execOut},
		{"execIn", t.execIn},
		{"execPerSecond", t.roundTrips},
		{"portForward", t.portForward},
		{"logs", t.logs},
	} {
		result, err := row.run()
		fail(err)
		results[row.name] = result
	}
	fail(json.NewEncoder(os.Stdout).Encode(results))
	// Whoever measures memory does so now, and then ends our input.
	held, err := t.idle(100)
	fail(err)
	fmt.Println("idle")
	io.Copy(io.Discard, os.Stdin)
	held()
}

func (t *target) exec(ctx context.Context, command []string, streams remotecommand.StreamOptions) error {
	query := url.Values{"command": command}
	if streams.Stdin != nil {
		query.Set("input", "1")
	}
	if streams.Stdout != nil {
		query.Set("output", "1")
	}
	url, err := url.Parse(t.config.Host + "/exec/default/web/c0?" + query.Encode())
	if err != nil {
		return err
	}
	var executor remotecommand.Executor
	if t.executor == "spdy" {
		executor, err = remotecommand.NewSPDYExecutor(t.config, "POST", url)
	} else {
		executor, err = remotecommand.NewWebSocketExecutor(t.config, "GET", url.String())
	}
	if err != nil {
		return err
	}
	return executor.StreamWithContext(ctx, streams)
}

func (t *target) rate(run func() error) (float64, error) {
	start := time.Now()
	err := run()
	return float64(t.size) / 1e6 / time.Since(start).Seconds(), err
}

func (t *target) execOut() (float64, error) {
	return t.rate(func() error {
		counter := &counter{}
		command := []string{"zero", fmt.Sprint(t.size)}
		err := t.exec(context.Background(), command, remotecommand.StreamOptions{Stdout: counter})
		if err == nil && counter.n != t.size {
			err = fmt.Errorf("%d bytes came", counter.n)
		}
		return err
	})
}

func (t *target) execIn() (float64, error) {
	return t.rate(func() error {
		var stdout bytes.Buffer
		err := t.exec(context.Background(), []string{"count"}, remotecommand.StreamOptions{
			Stdin: io.LimitReader(zeros{}, t.size), Stdout: &stdout,
		})
		if err == nil && stdout.String() != fmt.Sprint(t.size) {
			err = fmt.Errorf("%s bytes arrived", stdout.String())
		}
		return err
	})
}

func (t *target) roundTrips() (float64, error) {
	const count = 300
	start := time.Now()
	for range count {
		err := t.exec(context.Background(), []string{"true"}, remotecommand.StreamOptions{Stdout: io.Discard})
		if err != nil {
			return 0, err
		}
	}
	return count / time.Since(start).Seconds(), nil
}

func (t *target) portForward() (float64, error) {
	url, err := url.Parse(t.config.Host + "/portForward/default/web")
	if err != nil {
		return 0, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(t.config)
	if err != nil {
		return 0, err
	}
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, "POST", url)
	if t.executor == "websocket" {
		if dialer, err = portforward.NewSPDYOverWebsocketDialer(url, t.config); err != nil {
			return 0, err
		}
	}
	stop, ready := make(chan struct{}), make(chan struct{})
	defer close(stop)
	forwarder, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{"0:80"}, stop, ready, io.Discard, os.Stderr)
	if err != nil {
		return 0, err
	}
	go forwarder.ForwardPorts()
	<-ready
	ports, err := forwarder.GetPorts()
	if err != nil {
		return 0, err
	}
	return t.rate(func() error { return t.roundTrip(int(ports[0].Local)) })
}

func (t *target) roundTrip(port int) error {
	connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer connection.Close()
	go func() {
		io.Copy(connection, io.LimitReader(zeros{}, t.size))
		connection.(*net.TCPConn).CloseWrite()
	}()
	n, err := io.CopyN(io.Discard, connection, t.size)
	if n != t.size {
		return fmt.Errorf("%d bytes came back: %v", n, err)
	}
	return nil
}

func (t *target) logs() (float64, error) {
	client, err := rest.HTTPClientFor(t.config)
	if err != nil {
		return 0, err
	}
	return t.rate(func() error {
		url := fmt.Sprintf("%s/containerLogs/default/web/c0?limitBytes=%d", t.config.Host, t.size)
		response, err := client.Get(url)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		n, err := io.Copy(io.Discard, response.Body)
		if err == nil && n < t.size-int64(len(line)) {
			err = fmt.Errorf("%d bytes of log came", n)
		}
		return err
	})
}

// idle holds so many connections on which nothing happens; the function that it returns lets them go.
func (t *target) idle(count int) (func(), error) {
	ctx, cancel := context.WithCancel(context.Background())
	for range count {
		input, _ := io.Pipe()
		go t.exec(ctx, []string{"wait"}, remotecommand.StreamOptions{Stdin: input, Stdout: io.Discard})
	}
	time.Sleep(3 * time.Second)
	return cancel, nil
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
