// What callers do over SSH that no git does, and what happens to them meanwhile: nothing kept, nobody else kept waiting.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import ssh2 from "ssh2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readEnv } from "../../hub-server/env.ts";
import { FLUSH, pktLine } from "../../hub-server/git/pkt-line.ts";
import { listSshKeys, parsePublicKey, removeSshKey } from "../../hub-server/services/ssh-keys.ts";
import { actorOfToken } from "../../hub-server/services/users.ts";
import { LIMITS, openDoor } from "../../hub-server/ssh/door.ts";
import { newKeyPair, startSsh } from "../../hub-server/ssh/server.ts";
import { audit } from "../support/audit.ts";
import { type Caller, caller, file } from "../support/calls.ts";
import { describeGit } from "../support/git.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { channelId, newSshKey, SshClient } from "../support/ssh.ts";

const MIB = 1024 * 1024;
const ZERO = "0".repeat(40);

interface Guest {
  socket: Socket;
  /** What the other side said. */
  said: () => string;
  closed: Promise<void>;
}

function visit(port: number): Promise<Guest> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve({ socket, said: () => text, closed }));
    let text = "";
    socket.setEncoding("latin1").on("data", (piece: string) => (text += piece));
    socket.on("error", reject);
    const closed = new Promise<void>((done) => socket.once("close", () => done()));
  });
}

describe("the door", () => {
  const users = ["ana", "ana", "ana", "ben"];

  it("has room for some of one address, and for some of one user", async () => {
    const fine: boolean[] = [];
    const door = await openDoor(
      {
        host: "127.0.0.1",
        port: 0,
        serve: ({ known, socket }) => {
          // Whoever says something is known.
          socket.once("data", () => fine.push(known(users[fine.length] ?? "")));
        },
      },
      { ...LIMITS, unknownOfAddress: 2, ofUser: 2 },
    );
    const [first, second] = [await visit(door.port), await visit(door.port)];
    const third = await visit(door.port);
    await third.closed;
    expect(third.said()).toBe("Too many connections. Try again later.\r\n");
    for (const { socket } of [first, second]) socket.write("x");
    await expect.poll(() => fine).toEqual([true, true]);
    const fourth = await visit(door.port);
    fourth.socket.write("x");
    await expect.poll(() => fine).toEqual([true, true, false]);
    const fifth = await visit(door.port);
    fifth.socket.write("x");
    await expect.poll(() => fine).toEqual([true, true, false, true]);
    // Whoever leaves makes room.
    users.push("ana");
    for (const { socket } of [first, second]) socket.destroy();
    await Promise.all([first.closed, second.closed]);
    const sixth = await visit(door.port);
    sixth.socket.write("x");
    await expect.poll(() => fine).toEqual([true, true, false, true, true]);
    await door.close();
    await Promise.all([fourth.closed, fifth.closed, sixth.closed]);
  });

  it("sends away who says nothing, and who does not leave", async () => {
    const left: Guest[] = [];
    const door = await openDoor(
      {
        host: "127.0.0.1",
        port: 0,
        serve: ({ leave, socket }) => {
          socket.resume();
          if (left.length === 1) leave();
        },
      },
      { ...LIMITS, loginMs: 300, farewellMs: 300 },
    );
    const silent = await visit(door.port);
    left.push(silent);
    const stays = connect({ port: door.port, host: "127.0.0.1", allowHalfOpen: true });
    stays.on("error", () => {});
    stays.resume();
    // Written for ever, so that only a reset ends it.
    const writing = setInterval(() => stays.write("x"), 20);
    await Promise.all([silent.closed, new Promise((resolve) => stays.once("close", resolve))]);
    clearInterval(writing);
    await door.close();
  });

  it("says that its port is in use", async () => {
    const serve = () => {};
    const door = await openDoor({ host: "127.0.0.1", port: 0, serve });
    await expect(openDoor({ host: "127.0.0.1", port: door.port, serve })).rejects.toMatchObject({
      code: "PORT_IN_USE",
      hint: "Choose another with --ssh-port.",
    });
    await door.close();
  });
});

describeGit("hostile callers over SSH", () => {
  let hub: TestHub;
  let ana: Caller;
  let token: string;
  let key: string;
  let sha: string;

  beforeAll(async () => {
    hub = await testHub({ sshPort: 0, transfers: { silenceSeconds: 2 } });
    token = await hub.user("ana");
    ana = caller(hub.url, token);
    key = (await newSshKey(hub, token)).privateKey;
    await ana.ok("POST", "/api/repos/create", { name: "large", type: "model" });
    for (const path of ["a", "b"])
      await ana.commit("/api/models/ana/large", "main", [file(path, randomBytes(6 * MIB).toString("base64"))]);
    sha = (await ana.ok<{ sha: string }>("GET", "/api/models/ana/large")).sha;
  });
  afterAll(async () => {
    expect((await audit(hub.deps)).faults).toEqual([]);
    await hub.stop();
  });

  /** What runs of git below this process, and serves somebody. */
  const gits = () =>
    execFileSync("ps", ["--ppid", `${process.pid}`, "-o", "args="], { encoding: "utf8" })
      .split("\n")
      .filter((text) => text.includes("safe.directory"));
  const incoming = () => readdir(join(hub.folder, "git", "incoming"));
  const wanted = () => Buffer.concat([pktLine(`want ${sha} no-progress\n`), FLUSH, pktLine("done\n")]);

  it.each(["nothing", "a first line alone"])(
    "who sends %s is sent away, and so is who asks for nothing",
    async (sent) => {
      const server = await startSsh(
        hub.deps,
        { host: "127.0.0.1", port: 0, hubUrl: hub.url },
        { ...LIMITS, loginMs: 500, idleMs: 500 },
      );
      const guest = await visit(server.port);
      if (sent !== "nothing") guest.socket.write("SSH-2.0-none\r\n");
      await guest.closed;
      const client = await SshClient.connect(server.port, key);
      expect(await client.run("git-upload-pack ana/nothing")).toMatchObject({ code: 1 });
      await client.closed;
      await server.close();
    },
  );

  it("who begins a command and sends nothing is told so", async () => {
    const options = { host: "127.0.0.1", port: 0, hubUrl: hub.url };
    const server = await startSsh(hub.deps, options, { ...LIMITS, quietMs: 500 });
    const client = await SshClient.connect(server.port, key);
    const channel = await client.start("git-receive-pack ana/large");
    let text = "";
    channel.stderr.on("data", (piece: Buffer) => (text += `${piece}`));
    channel.resume();
    const code = await new Promise((resolve) => channel.once("exit", resolve));
    expect([code, text]).toEqual([1, "Nothing was sent for 0.5 seconds.\n"]);
    client.end();
    await server.close();
  });

  it("a key that is removed ends with the next command, and so does what was allowed by it", async () => {
    const brief = await newSshKey(hub, token);
    const client = await SshClient.connect(hub.sshPort, brief.privateKey);
    expect(await client.run("git-upload-pack ana/large", "0000")).toMatchObject({ code: 0 });
    const ctx = { ...hub.deps, actor: await actorOfToken(hub.deps, token) };
    const used = (await listSshKeys(ctx)).find(({ id }) => id === brief.id)?.lastUsedAt;
    expect(used).toBeInstanceOf(Date);
    await removeSshKey(ctx, brief.id);
    expect(await client.run("git-upload-pack ana/large")).toEqual({
      code: 1,
      text: "Your key was removed. Add it again.\n",
    });
    client.end();
    await expect(SshClient.connect(hub.sshPort, brief.privateKey)).rejects.toThrow();
  });

  it("clones that nobody takes are let go, and others take their places", async () => {
    const clients = await Promise.all(Array.from({ length: 14 }, () => SshClient.connect(hub.sshPort, key)));
    await Promise.all(
      clients.map(async (client, number) => {
        const channel = await client.start("git-upload-pack ana/large");
        // Some allow the server to send all, and do not take it; some do not allow it.
        if (number % 2 === 0) client.raw._protocol.channelWindowAdjust(channelId(channel), 4_000_000_000);
        channel.once("data", () => {
          channel.pause();
          if (number % 2 === 0) client.raw._sock.pause();
        });
        channel.write(wanted());
      }),
    );
    const ben = await newSshKey(hub, await hub.user("ben"));
    const patient = await SshClient.connect(hub.sshPort, ben.privateKey);
    const { code, text } = await patient.run("git-upload-pack ana/large", wanted());
    expect([code, text.length > 12 * MIB]).toEqual([0, true]);
    patient.end();
    await expect.poll(gits, { timeout: 30_000 }).toEqual([]);
    for (const client of clients) client.destroy();
  }, 60_000);

  it("who reads slowly gets all of it", async () => {
    const client = await SshClient.connect(hub.sshPort, key);
    const channel = await client.start("git-upload-pack ana/large");
    channel.write(wanted());
    let size = 0;
    let last = Buffer.alloc(0);
    for await (const piece of channel) {
      const bytes: Buffer = piece;
      size += bytes.length;
      last = Buffer.concat([last, bytes]).subarray(-1000);
      await sleep(3);
    }
    expect(size).toBeGreaterThan(12 * MIB);
    const whole = await client.run("git-upload-pack ana/large", wanted());
    expect(whole.text.length).toBe(size);
    expect(whole.text.endsWith(last.toString("latin1"))).toBe(true);
    client.end();
  });

  it("what nobody reads is not taken without end", async () => {
    const client = await SshClient.connect(hub.sshPort, key);
    const channel = await client.start("git-upload-pack ana/nothing");
    const id = channelId(channel);
    let sent = 0;
    const flood = setInterval(() => {
      for (let piece = 0; piece < 100; piece++) client.raw._protocol.channelData(id, Buffer.alloc(30_000));
      sent += 3_000_000;
    }, 1);
    await client.closed;
    clearInterval(flood);
    expect(sent).toBeLessThan(500 * MIB);
  });

  it("a push that is cut in the middle leaves nothing", async () => {
    await ana.ok("POST", "/api/repos/create", { name: "cut", type: "model" });
    const before = await ana.ok<{ sha: string }>("GET", "/api/models/ana/cut");
    for (const last of ["head", "half"]) {
      const client = await SshClient.connect(hub.sshPort, key);
      const channel = await client.start("git-receive-pack ana/cut");
      channel.write(
        Buffer.concat([pktLine(`${before.sha} ${sha} refs/heads/main\0report-status side-band-64k`), FLUSH]),
      );
      if (last === "half") channel.write(Buffer.concat([Buffer.from("PACK"), randomBytes(3 * MIB)]));
      await expect.poll(incoming).not.toEqual([]);
      client.destroy();
      await expect.poll(incoming).toEqual([]);
    }
    expect(await ana.ok("GET", "/api/models/ana/cut")).toMatchObject({ sha: before.sha });
    expect(gits()).toEqual([]);
  });

  it("more than a connection may do at once is refused", async () => {
    const client = await SshClient.connect(hub.sshPort, key);
    const open = await Promise.all(Array.from({ length: 8 }, () => client.start("git-receive-pack ana/large")));
    await expect(client.start("git-receive-pack ana/large")).rejects.toThrow(/open/i);
    for (const channel of open) channel.end("0000");
    client.end();
    await client.closed;
  });

  it("only what a user may read and write is theirs by SSH", async () => {
    await ana.ok("POST", "/api/repos/create", { name: "hidden", type: "model", private: true });
    await ana.ok("POST", "/api/repos/create", { name: "asks", type: "model" });
    await ana.ok("PUT", "/api/models/ana/asks/settings", { gated: "auto" });
    const eve = await SshClient.connect(hub.sshPort, (await newSshKey(hub, await hub.user("eve"))).privateKey);
    const none = await eve.run("git-upload-pack ana/nothing");
    for (const service of ["git-upload-pack", "git-receive-pack"])
      expect(await eve.run(`${service} ana/hidden`)).toEqual({ code: 1, text: none.text.replace("nothing", "hidden") });
    expect(await eve.run("git-lfs-authenticate ana/hidden download")).toMatchObject({ code: 1 });
    expect(await eve.run("git-upload-pack ana/asks")).toMatchObject({
      code: 1,
      text: expect.stringMatching(/restricted/),
    });
    expect(await eve.run("git-upload-pack ana/large", "0000")).toMatchObject({ code: 0 });
    const deletion = Buffer.concat([pktLine(`${sha} ${ZERO} refs/heads/other\0report-status`), FLUSH]);
    expect(await eve.run("git-receive-pack ana/large", deletion)).toEqual({
      code: 1,
      text: "eve may not write to ana/large.\n",
    });
    eve.end();
  });
});

describe("a hub that serves git over SSH", () => {
  it("makes no key that it cannot read", () => {
    // Enough that one of those would be among them, but for once in two thousand.
    for (let made = 0; made < 2000; made++) {
      const pair = newKeyPair();
      expect(parsePublicKey(pair.public).type).toBe("ssh-ed25519");
      const key = ssh2.utils.parseKey(pair.private);
      if (key instanceof Error) throw key;
      expect(key.verify("text", key.sign("text"))).toBe(true);
    }
  });

  it("is known by the same key after it is started again, and lets go of its other port where SSH cannot begin", async () => {
    const first = await testHub({ sshPort: 0 });
    const token = await first.user("ana");
    const { privateKey } = await newSshKey(first, token);
    const { hostKey, end } = await SshClient.connect(first.sshPort, privateKey).then((client) => ({
      hostKey: client.hostKey,
      end: () => client.end(),
    }));
    end();
    const blocker = await openDoor({ host: "127.0.0.1", port: 0, serve: () => {} });
    await first.close();
    const port = Number(new URL(first.url).port);
    const options = { dataDir: first.folder, port };
    await expect(testHub({ ...options, sshPort: blocker.port })).rejects.toMatchObject({ code: "PORT_IN_USE" });
    const again = await testHub({ ...options, sshPort: 0 });
    const client = await SshClient.connect(again.sshPort, privateKey);
    expect([client.hostKey, hostKey.length]).toEqual([hostKey, 64]);
    // It does not wait for who is there.
    await again.close();
    await client.closed;
    await blocker.close();
    await first.stop();
  });

  it.each([
    [{ ABRAZO_SSH_PORT: "ssh" }, "BAD_PORT", 'ABRAZO_SSH_PORT is "ssh", which is no port.'],
    [{ ABRAZO_SSH_PORT: "65536" }, "BAD_PORT", 'ABRAZO_SSH_PORT is "65536", which is no port.'],
    [{ ABRAZO_URL: "hub.example.org" }, "BAD_URL", 'ABRAZO_URL is "hub.example.org", which is no address.'],
    [{ ABRAZO_URL: "https://" }, "BAD_URL", 'ABRAZO_URL is "https://", which is no address.'],
  ])("does not start with %o", (env, code, message) => {
    expect(() => readEnv(env)).toThrow(expect.objectContaining({ code, message }));
  });

  it("takes its port and its address from the environment", () => {
    expect(readEnv({ ABRAZO_SSH_PORT: "2222", ABRAZO_URL: "https://hub.example.org/" })).toMatchObject({
      sshPort: 2222,
      url: "https://hub.example.org",
    });
    expect(readEnv({ ABRAZO_SSH_PORT: "", ABRAZO_URL: "" })).toMatchObject({ sshPort: undefined, url: undefined });
  });

  it("says what it lacks where it does not know its own address", async () => {
    const hub = await testHub({ host: "0.0.0.0", sshPort: 0 });
    const token = await hub.user("ana");
    await caller(hub.url.replace("0.0.0.0", "127.0.0.1"), token).ok("POST", "/api/repos/create", { name: "m" });
    const client = await SshClient.connect(hub.sshPort, (await newSshKey(hub, token)).privateKey);
    expect(await client.run("git-lfs-authenticate ana/m download")).toEqual({
      code: 1,
      text: expect.stringMatching(/does not know where it is reached over HTTP.*ABRAZO_URL/),
    });
    client.end();
    await hub.stop();
    const named = await testHub({ host: "0.0.0.0", sshPort: 0, publicUrl: "https://hub.example" });
    const other = await named.user("ana");
    await caller(named.url.replace("0.0.0.0", "127.0.0.1"), other).ok("POST", "/api/repos/create", { name: "m" });
    const known = await SshClient.connect(named.sshPort, (await newSshKey(named, other)).privateKey);
    const { text } = await known.run("git-lfs-authenticate ana/m download");
    expect(JSON.parse(text)).toMatchObject({ href: "https://hub.example/ana/m.git/info/lfs" });
    known.end();
    await named.stop();
  });
});
