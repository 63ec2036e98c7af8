//! Keyed commands go to the primary that has the slot, and follow it when it moves. Each node has a
//! pool of its own, so one that hangs does not hold up those that don't. (`redis::cluster` repeats
//! commands that have timed out, and shares the fate of its nodes.)

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use redis::cluster_routing::Slot;
use redis::{Cmd, cmd};

use super::connection::Reply;
use super::node::Node;
use super::pool::Place;
use super::slots::{Owners, owners, slot_of};
use crate::error::{Error, Result};
use crate::failure::unless_all_failed;
use crate::invalidated::Invalidated;
use crate::protocol::{command, reply};
use crate::server_stats::together;
use crate::servers::Servers;
use crate::settings::Settings;
use crate::topology::{ATTEMPTS, Address, PAUSE, added_up, concluded, masters};

pub(crate) struct Cluster {
    servers: Servers,
    settings: Arc<Settings>,
    members: Mutex<HashMap<Address, Arc<Member>>>,
    owners: RwLock<Owners>,
    /// A node could not be reached: another one may have taken its slots.
    outdated: AtomicBool,
}

pub(crate) struct Member {
    address: Address,
    node: Node,
    /// Whether the last attempt to reach it was in vain. Others are asked first.
    failing: AtomicBool,
}

/// Where a command is to be sent instead.
enum Redirection {
    Moved(Address),
    Ask(Address),
}

/// How often a command follows a slot that has moved.
const REDIRECTIONS: usize = 3;

impl Cluster {
    pub(crate) fn new(servers: Servers, settings: &Arc<Settings>) -> Self {
        Self {
            servers,
            settings: Arc::clone(settings),
            members: Mutex::default(),
            owners: RwLock::default(),
            outdated: AtomicBool::new(true),
        }
    }

    pub(crate) fn send(&self, command: &Cmd) -> Result<Reply> {
        let Some(slot) = slot_of(command) else {
            return self.learn(command, |reply, _| Ok(reply));
        };
        let mut member = self.owner_of(slot)?;
        for _ in 0..REDIRECTIONS {
            let outcome = member.send(command);
            match outcome
                .as_ref()
                .err()
                .map(|error| self.follow(slot, &member, error))
            {
                Some(Some(Redirection::Moved(to))) => member = self.member(&to),
                Some(Some(Redirection::Ask(to))) => return self.member(&to).send_asking(command),
                _ => return outcome,
            }
        }
        member.send(command)
    }

    /// Node by node. An error only if none of them can serve any of the commands.
    pub(crate) fn send_all(&self, commands: &[Cmd]) -> Result<Vec<Result<Reply>>> {
        let mut replies: Vec<Option<Result<Reply>>> = commands.iter().map(|_| None).collect();
        let mut failure = None;
        for (member, numbers) in self.shares(commands)? {
            let share: Vec<Cmd> = numbers.iter().map(|&n| commands[n].clone()).collect();
            match member.send_all(&share) {
                Ok(answers) => {
                    for (n, answer) in numbers.into_iter().zip(answers) {
                        replies[n] = Some(self.redirected(answer, &commands[n]));
                    }
                }
                Err(error) => {
                    self.outdated.store(true, Relaxed);
                    failure = Some(error);
                }
            }
        }
        let replies = replies.into_iter().map(|reply| {
            reply.unwrap_or_else(|| Err(failure.take().unwrap_or(Error::Unavailable)))
        });
        unless_all_failed(replies.collect())
    }

    /// A place on the node that has `key`, for a command that blocks.
    pub(crate) fn waiting_place(&self, key: &str, patience: Duration) -> Result<Option<Place>> {
        let owner = self.owner_of(Slot::for_key(key))?;
        Ok(owner.node.waiting_place(patience))
    }

    /// Which commands, by their numbers, go to which node.
    fn shares(&self, commands: &[Cmd]) -> Result<Vec<(Arc<Member>, Vec<usize>)>> {
        let mut shares: HashMap<Address, (Arc<Member>, Vec<usize>)> = HashMap::new();
        for (n, command) in commands.iter().enumerate() {
            let slot = slot_of(command).ok_or(Error::Reply("a command without a key"))?;
            let owner = self.owner_of(slot)?;
            let share = shares
                .entry(owner.address.clone())
                .or_insert_with(|| (owner, Vec::new()));
            share.1.push(n);
        }
        Ok(shares.into_values().collect())
    }

    fn redirected(&self, answer: Result<Reply>, command: &Cmd) -> Result<Reply> {
        match answer {
            Err(Error::Redis(error)) if matches!(error.code(), Some("MOVED" | "ASK")) => {
                self.send(command)
            }
            answer => answer,
        }
    }

    /// What an error says about where a slot is, and where to ask instead.
    fn follow(&self, slot: Slot, asked: &Member, error: &Error) -> Option<Redirection> {
        let Error::Redis(error) = error else {
            self.outdated.store(true, Relaxed);
            return None;
        };
        let to = error
            .redirect_node()
            .and_then(|(to, _slot)| Address::parse(to, &asked.address.host));
        match (error.code(), to) {
            (Some("MOVED"), Some(to)) => {
                self.owners_mut().insert(slot, to.clone());
                Some(Redirection::Moved(to))
            }
            (Some("ASK"), Some(to)) => Some(Redirection::Ask(to)),
            (Some(_), _) => None,
            (None, _) => {
                self.outdated.store(true, Relaxed);
                None
            }
        }
    }

    fn owner_of(&self, slot: Slot) -> Result<Arc<Member>> {
        if self.outdated.swap(false, Relaxed) {
            self.refresh()?;
        }
        let owner = self
            .owners
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&slot)
            .cloned();
        match owner {
            Some(address) => Ok(self.member(&address)),
            // Whoever is asked knows who has it, or says that nobody has.
            None => self
                .known()
                .first()
                .map(|address| self.member(address))
                .ok_or(Error::Unavailable),
        }
    }

    fn refresh(&self) -> Result<()> {
        let question = cmd("CLUSTER").arg("SLOTS").take();
        match self.learn(&question, |reply, asked| owners(reply.value, asked)) {
            Ok(found) => {
                let primaries: HashSet<&Address> = found.values().collect();
                self.keep_only(|node| primaries.contains(node));
                drop(primaries);
                *self.owners_mut() = found;
                Ok(())
            }
            Err(error) => {
                self.outdated.store(true, Relaxed);
                Err(error)
            }
        }
    }

    fn owners_mut(&self) -> std::sync::RwLockWriteGuard<'_, Owners> {
        self.owners.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What can be learned from the reply of the first node that gives a useful one.
    fn learn<T>(&self, command: &Cmd, lesson: impl Fn(Reply, &Address) -> Result<T>) -> Result<T> {
        let mut failure = Error::Unavailable;
        for address in self.known() {
            let reply = self.member(&address).send(command);
            match reply.and_then(|reply| lesson(reply, &address)) {
                Ok(learned) => return Ok(learned),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Nodes to ask: those that were seen and answer, those that the application has named, those that
    /// did not answer.
    fn known(&self) -> Vec<Address> {
        let seen: Vec<_> = self.members().values().map(Arc::clone).collect();
        let (failing, answering): (Vec<_>, Vec<_>) = seen
            .into_iter()
            .partition(|member| member.failing.load(Relaxed));
        let seeds = self.servers.seeds().into_iter();
        let strange = seeds.filter(|seed| !failing.iter().any(|member| member.address == *seed));
        let mut known: Vec<_> = addresses(&answering).chain(strange).collect();
        known.extend(addresses(&failing));
        known
    }

    /// Closes the connections to nodes that are of no use any more.
    fn keep_only(&self, useful: impl Fn(&Address) -> bool) {
        self.members().retain(|node, _| useful(node));
    }

    fn members(&self) -> MutexGuard<'_, HashMap<Address, Arc<Member>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn member(&self, address: &Address) -> Arc<Member> {
        let mut members = self.members();
        if let Some(member) = members.get(address) {
            return Arc::clone(member);
        }
        let (servers, at) = (self.servers.clone(), address.clone());
        let member = Arc::new(Member {
            address: address.clone(),
            node: Node::new(&self.settings, move || servers.node(&at)),
            failing: AtomicBool::new(false),
        });
        members.insert(address.clone(), Arc::clone(&member));
        member
    }
}

impl Cluster {
    /// Sends a command to all primaries, and adds up what they answer. The cluster's own rules are in
    /// `docs/cluster.md`: all masters that `CLUSTER NODES` names, also those without slots, and the same
    /// ones afterwards.
    pub(crate) fn tell(&self, command: &Cmd) -> Result<Invalidated> {
        let mut attempt = 1;
        loop {
            let before = self.masters()?;
            let told = before.iter().map(|node| {
                let reply = self.member(node).send(command)?;
                Ok(reply.value)
            });
            let told = added_up(told.collect())?;
            let settled = told.is_complete() && self.masters()? == before;
            if settled || attempt == ATTEMPTS {
                return concluded(told, settled);
            }
            thread::sleep(PAUSE * attempt);
            attempt += 1;
        }
    }

    /// The counters of all primaries together.
    pub(crate) fn server_stats(&self, command: &Cmd) -> Result<BTreeMap<String, f64>> {
        let mut stats = Vec::new();
        for node in self.masters()? {
            let reply = self.member(&node).send(command)?;
            stats.push(reply::numbers(reply.value, "CACHE.STATS")?);
        }
        Ok(together(stats))
    }

    /// Deletes the keys that match, wherever they are.
    pub(crate) fn clear(&self, glob: &str, step: usize) -> Result<u64> {
        let mut deleted = 0;
        for address in self.masters()? {
            let member = self.member(&address);
            let mut cursor = 0;
            loop {
                let page = member.send(&command::scan(cursor, glob, step))?;
                let (next, keys) = reply::scanned(page.value)?;
                deleted += self.unlink_each(&keys)?;
                if next == 0 {
                    break;
                }
                cursor = next;
            }
        }
        Ok(deleted)
    }

    fn unlink_each(&self, keys: &[Vec<u8>]) -> Result<u64> {
        let commands: Vec<Cmd> = keys
            .iter()
            .map(|key| command::unlink(std::slice::from_ref(key)))
            .collect();
        let mut deleted = 0;
        for reply in self.send_all(&commands)? {
            deleted += reply::count(&reply?.value, "UNLINK")?;
        }
        Ok(deleted)
    }

    /// The primaries that there are now, as the first node sees them that knows one of each slot.
    fn masters(&self) -> Result<BTreeSet<Address>> {
        let question = cmd("CLUSTER").arg("NODES").take();
        let by_name = self.servers.are_secured();
        let masters = self.learn(&question, |reply, asked| {
            masters(reply.value, asked, by_name)
        })?;
        self.keep_only(|node| masters.contains(node));
        Ok(masters)
    }
}

impl Member {
    fn send(&self, command: &Cmd) -> Result<Reply> {
        self.seen(self.node.send(command))
    }

    fn send_all(&self, commands: &[Cmd]) -> Result<Vec<Result<Reply>>> {
        self.seen(self.node.send_all(commands))
    }

    /// For a key that is on its way to this node.
    fn send_asking(&self, command: &Cmd) -> Result<Reply> {
        let replies = self.send_all(&[cmd("ASKING"), command.clone()])?;
        replies
            .into_iter()
            .next_back()
            .ok_or(Error::Reply("ASKING"))?
    }

    fn seen<T>(&self, outcome: Result<T>) -> Result<T> {
        let failing = match &outcome {
            Err(Error::Redis(error)) => error.code().is_none(),
            Err(_) => true,
            Ok(_) => false,
        };
        self.failing.store(failing, Relaxed);
        outcome
    }
}

fn addresses(members: &[Arc<Member>]) -> impl Iterator<Item = Address> {
    members.iter().map(|member| member.address.clone())
}
