#include "tests/support/pool_fixture.h"

namespace connmgr::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using enum Direction;

// --- S1 to S3: taking -----------------------------------------------------------------------------------

TEST_F(ServerPoolTest, GivesAnAvailableStreamAtOnce) {  // S1
  const Grant connection = connected();

  const Answer answer = pool.acquire(any(output), now);

  EXPECT_EQ(answer.kind, Answer::Kind::granted);
  EXPECT_EQ(answer.grant.connection, connection.connection);
  EXPECT_EQ(answer.grant.id, connection.id);
}

TEST_F(ServerPoolTest, NeverHandsAStreamToTwo) {  // S2
  connected();
  granted(any(output));

  waiting(any(output));

  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(ServerPoolTest, HandsTheTwoStreamsOfAConnectionToDifferentHolders) {  // S11
  connected();
  granted(any(output));

  const Answer second = pool.acquire(any(input), now);

  EXPECT_EQ(second.kind, Answer::Kind::granted);
}

TEST_F(ServerPoolTest, PrefersTheStreamThatCameBackLast) {  // S1, most_recent
  connected();
  connected();
  const Grant first = granted(any(output));
  const Grant second = granted(any(output));
  give_back(first);
  give_back(second);

  EXPECT_EQ(granted(any(output)).connection, second.connection);
}

TEST_F(ServerPoolTest, PrefersTheAskersOwnShard) {  // S1
  const Grant here = connected(1);
  connected(0);

  EXPECT_EQ(granted(from(any(output), 1)).connection, here.connection);
}

TEST_F(ServerPoolTest, TakesTheOtherShardsStreamsWhenItsOwnHasNone) {  // S1
  const Grant there = connected(0);

  EXPECT_EQ(granted(from(any(output), 1)).connection, there.connection);
}

TEST_F(ServerPoolTest, GivesTheStreamUnusedForLongestWhenToldSo) {  // S1, least_recent
  apply([](PoolSettings& s) { s.selection = Selection::least_recent; });
  const Grant first = connected(0);
  now += 1s;
  connected(1);

  EXPECT_EQ(granted(from(any(output), 1)).connection, first.connection);
}

TEST_F(ServerPoolTest, TakesShardsInTurnWhenToldSo) {  // S1, round_robin
  apply([](PoolSettings& s) { s.selection = Selection::round_robin; });
  connected(0);
  connected(1);

  const Grant first = granted(from(any(output), 0));
  give_back(first);
  const Grant second = granted(from(any(output), 0));

  EXPECT_NE(first.shard, second.shard);
}

TEST_F(ServerPoolTest, GivesAReservedStreamOnlyToWhoeverNamesTheId) {  // S3
  const Grant connection = connected();
  give_back(granted(any(input)), StreamChange::reserve);

  const Answer without_id = pool.acquire(any(input), now);
  const Answer with_id = pool.acquire(by_id(connection, input), now);

  EXPECT_EQ(without_id.kind, Answer::Kind::waiting);
  EXPECT_EQ(with_id.kind, Answer::Kind::granted);
}

TEST_F(ServerPoolTest, DoesNotKnowAnIdWithAWrongSecret) {  // S6
  const Grant connection = connected();
  Ask guessed = by_id(connection, output);
  guessed.id.secret ^= 1;

  EXPECT_EQ(refused(guessed), Errc::unknown_connection);
  EXPECT_FALSE(pool.find(guessed.id));
  EXPECT_TRUE(pool.find(connection.id));
}

// --- S4 to S7: reserving ---------------------------------------------------------------------------------

TEST_F(ServerPoolTest, ReservesTheOtherStreamInTheStepThatTakesOne) {  // S4
  const Grant connection = connected();

  const Grant grant = granted(reserving_other(any(output)));

  EXPECT_TRUE(grant.other_reservation);
  EXPECT_EQ(pool.connection(connection.connection)->streams[0], StreamState::reserved_free);
}

TEST_F(ServerPoolTest, WaitsForBothStreamsBeforeItTakesOneAndReservesTheOther) {  // S4
  connected();
  const Grant reader = granted(any(input));

  const Ticket ticket = waiting(reserving_other(any(output)));
  const Grant writer = granted(any(output));
  give_back(reader);
  EXPECT_THAT(said(), IsEmpty());
  give_back(writer);

  EXPECT_THAT(said(), ElementsAre(Grants(ticket)));
}

TEST_F(ServerPoolTest, UndoesAReservationByItsNumber) {  // S4, S5
  const Grant connection = connected();
  const Grant grant = granted(reserving_other(any(output)));

  pool.release(grant.other_reservation, now);

  EXPECT_EQ(pool.connection(connection.connection)->streams[0], StreamState::available_free);
}

TEST_F(ServerPoolTest, UndoingAnOldReservationLeavesALaterOneAlone) {  // S4
  const Grant connection = connected();
  const Reservation old = give_back(granted(any(input)), StreamChange::reserve).own;
  pool.modify(connection.connection, input, StreamChange::reserve, now);

  pool.release(old, now);

  EXPECT_EQ(pool.connection(connection.connection)->streams[0], StreamState::reserved_free);
}

TEST_F(ServerPoolTest, AnyNodeMayReserveAStreamThatAnotherUses) {  // S4
  const Grant connection = connected();
  const Grant reader = granted(any(input));

  pool.modify(connection.connection, input, StreamChange::reserve, now);
  give_back(reader);

  EXPECT_EQ(pool.connection(connection.connection)->streams[0], StreamState::reserved_free);
}

TEST_F(ServerPoolTest, TheHoldersOwnChangeAtTheEndWins) {  // S4
  const Grant connection = connected();
  const Grant reader = granted(any(input));

  pool.modify(connection.connection, input, StreamChange::reserve, now);
  give_back(reader, StreamChange::release);

  EXPECT_EQ(pool.connection(connection.connection)->streams[0], StreamState::available_free);
}

TEST_F(ServerPoolTest, KeepsAConnectionWhoseInputIsReservedAfterThePeerHasClosed) {  // S7
  const Grant connection = connected();
  const Reservation reservation = give_back(granted(any(input)), StreamChange::reserve).own;

  pool.input_ended(connection.connection, false, now);
  EXPECT_THAT(said(), IsEmpty());
  give_back(granted(by_id(connection, output)));
  pool.release(reservation, now);

  EXPECT_THAT(said(), ElementsAre(Ends(connection.connection, CloseCause::peer)));
}

TEST_F(ServerPoolTest, ANodesCloseWaitsForAReservedInput) {  // S7
  const Grant connection = connected();
  const Reservation reservation = give_back(granted(any(input)), StreamChange::reserve).own;

  pool.close(connection.connection, CloseCause::node, now);
  EXPECT_THAT(said(), IsEmpty());
  pool.release(reservation, now);

  EXPECT_THAT(said(), ElementsAre(Ends(connection.connection, CloseCause::node)));
}

TEST_F(ServerPoolTest, AResetEndsAReservationAtOnce) {  // S7
  const Grant connection = connected();
  give_back(granted(any(input)), StreamChange::reserve);

  pool.broken(connection.connection, CloseCause::reset, now);

  EXPECT_THAT(said(), ElementsAre(Ends(connection.connection, CloseCause::reset)));
  EXPECT_EQ(refused(by_id(connection, input)), Errc::unknown_connection);
}

// --- L1 to L3: limits and order --------------------------------------------------------------------------

TEST_F(ServerPoolTest, AdmitsUpToTheMaximumAndTurnsTheRestAway) {  // G6, L1
  apply([](PoolSettings& s) { s.max_connections = 1; });
  const Grant first = connected();

  EXPECT_FALSE(pool.admits());
  EXPECT_FALSE(pool.admit(0, now));
  EXPECT_EQ(pool.counters().refused_connections, 1u);

  pool.close(first.connection, CloseCause::node, now);
  EXPECT_FALSE(pool.admit(0, now)) << "closing counts until the descriptor is gone";
  pool.closed(first.connection, now);
  EXPECT_TRUE(pool.admit(0, now));
}

TEST_F(ServerPoolTest, NeverOpensAConnection) {  // G6
  apply([](PoolSettings& s) { s.min_connections = 3; });

  pool.start(now);
  waiting(any(output));

  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(ServerPoolTest, GivesAReturnedStreamToWhoeverHasWaitedLongest) {  // L3
  connected();
  const Grant held = granted(any(output));
  const Ticket first = waiting(any(output));
  waiting(any(output));

  give_back(held);

  EXPECT_THAT(said(), ElementsAre(Grants(first)));
}

TEST_F(ServerPoolTest, ARequestByIdAndOneWithoutWaitInOneOrder) {  // L3
  const Grant connection = connected();
  Grant held = granted(any(output));
  const Ticket named = waiting(by_id(connection, output));
  const Ticket unnamed = waiting(any(output));

  give_back(held);
  EXPECT_THAT(said(), ElementsAre(Grants(named)));
  give_back(held);
  EXPECT_THAT(said(), ElementsAre(Grants(unnamed)));
}

TEST_F(ServerPoolTest, AStreamThatComesBackReservedPassesOverRequestsWithoutId) {  // S3, L3
  const Grant connection = connected();
  const Grant held = granted(any(output));
  waiting(any(output));
  const Ticket named = waiting(by_id(connection, output));

  give_back(held, StreamChange::reserve);

  EXPECT_THAT(said(), ElementsAre(Grants(named)));
}

TEST_F(ServerPoolTest, ANewConnectionServesTheOldestOfEachKind) {  // L3
  const Ticket writer = waiting(any(output));
  const Ticket reader = waiting(any(input));
  waiting(any(output));

  connected();

  EXPECT_THAT(said(), ElementsAre(Grants(writer), Grants(reader)));
}

TEST_F(ServerPoolTest, RefusesAtOnceWithATimeoutOfZero) {  // L2
  apply([](PoolSettings& s) { s.connection_timeout = 0s; });

  EXPECT_EQ(refused(any(output)), Errc::pool_exhausted);
}

TEST_F(ServerPoolTest, RefusesWhenTheTimeoutHasPassed) {  // L2
  const Ticket ticket = waiting(any(output));
  EXPECT_EQ(pool.next_deadline(), now + 180s);

  pool.on_time(now + 180s - 1ns);
  EXPECT_THAT(said(), IsEmpty());
  pool.on_time(now + 180s);

  EXPECT_THAT(said(), ElementsAre(Refuses(ticket, Errc::pool_exhausted)));
  EXPECT_EQ(pool.next_deadline(), kNever);
}

TEST_F(ServerPoolTest, ARequestMayBringItsOwnTimeout) {  // L2
  Ask patient = any(output);
  patient.connection_timeout = kForever;

  waiting(patient);

  EXPECT_EQ(pool.next_deadline(), kNever);
}

TEST_F(ServerPoolTest, ALongerTimeoutCountsWhatHasBeenWaitedAlready) {  // V7
  waiting(any(output));

  now += 10s;
  apply([](PoolSettings& s) { s.connection_timeout = 15s; });

  EXPECT_EQ(pool.next_deadline(), now + 5s);
}

TEST_F(ServerPoolTest, ARequestByIdThatWaitsInVainIsToldStreamBusy) {  // S3
  const Grant connection = connected();
  granted(any(output));
  const Ticket ticket = waiting(by_id(connection, output));

  pool.on_time(pool.next_deadline());

  EXPECT_THAT(said(), ElementsAre(Refuses(ticket, Errc::stream_busy)));
}

TEST_F(ServerPoolTest, RefusesAtOnceWhenTooManyWait) {  // L3
  apply([](PoolSettings& s) { s.max_waiters = 1; });
  waiting(any(output));

  EXPECT_EQ(refused(any(output)), Errc::too_many_waiters);
}

TEST_F(ServerPoolTest, ACancelledRequestLeavesTheQueueAtOnce) {  // L3
  connected();
  const Grant held = granted(any(output));
  const Ticket gone = waiting(any(output));
  const Ticket next = waiting(any(output));

  EXPECT_TRUE(pool.cancel(gone, now));
  give_back(held);

  EXPECT_THAT(said(), ElementsAre(Grants(next)));
  EXPECT_FALSE(pool.cancel(next, now)) << "it has been served: that stands";
}

TEST_F(ServerPoolTest, TellsWaitersForAnIdHowItsConnectionEnded) {  // T4, section 6
  const Grant orderly = connected();
  const Grant stale = connected();
  granted(by_id(orderly, output));
  granted(by_id(stale, output));
  const Ticket first = waiting(by_id(orderly, output));
  const Ticket second = waiting(by_id(stale, output));

  pool.close(orderly.connection, CloseCause::node, now);
  pool.broken(stale.connection, CloseCause::reset, now);

  EXPECT_THAT(
      said(),
      ElementsAre(Refuses(first, Errc::connection_closed), Ends(orderly.connection, CloseCause::node),
                  Refuses(second, Errc::stale_connection), Ends(stale.connection, CloseCause::reset)));
}

// --- bytes to read ---------------------------------------------------------------------------------------

TEST_F(ServerPoolTest, OffersBytesToTheInputNodesInTurn) {  // L3, N2
  const SubscriptionId one = pool.subscribe({}, now);
  const SubscriptionId two = pool.subscribe({}, now);
  const Grant first = connected();
  const Grant second = connected();
  const Grant third = connected();

  pool.data_arrived(first.connection, now);
  pool.data_arrived(second.connection, now);
  pool.data_arrived(third.connection, now);

  EXPECT_THAT(said(), ElementsAre(OffersTo(one), OffersTo(two), OffersTo(one)));
}

TEST_F(ServerPoolTest, AWaitingReceiveComesBeforeTheInputNodes) {  // L3
  pool.subscribe({}, now);
  const Grant connection = connected();
  const Ticket receive = waiting(with_data());

  pool.data_arrived(connection.connection, now);

  EXPECT_THAT(said(), ElementsAre(Grants(receive)));
}

TEST_F(ServerPoolTest, ANewInputNodeGetsWhatLiesUnread) {  // N2
  const Grant connection = connected();
  pool.data_arrived(connection.connection, now);

  const SubscriptionId subscription = pool.subscribe({}, now);

  EXPECT_THAT(said(), ElementsAre(OffersTo(subscription)));
}

TEST_F(ServerPoolTest, BytesOnAReservedStreamAreOfferedWhenItIsReleased) {  // S3
  const SubscriptionId subscription = pool.subscribe({}, now);
  const Grant connection = connected();
  const Reservation reservation = give_back(granted(any(input)), StreamChange::reserve).own;

  pool.data_arrived(connection.connection, now);
  EXPECT_THAT(said(), IsEmpty());
  pool.release(reservation, now);

  EXPECT_THAT(said(), ElementsAre(OffersTo(subscription)));
}

TEST_F(ServerPoolTest, AStreamGivenBackWithBytesLeftIsOfferedAgain) {  // D2
  const SubscriptionId subscription = pool.subscribe({}, now);
  const Grant connection = connected();
  pool.data_arrived(connection.connection, now);
  said();

  pool.give_back(connection.connection, input, {.unread = true}, now);

  EXPECT_THAT(said(), ElementsAre(OffersTo(subscription)));
}

TEST_F(ServerPoolTest, AReceiveTimesOutOnItsOwnLimitOnceAStreamIsThere) {  // N3
  Ask ask = with_data();
  ask.data_timeout = 5s;
  const Ticket ticket = waiting(ask);
  EXPECT_EQ(pool.next_deadline(), now + 180s);

  now += 100s;
  connected();
  pool.on_time(pool.next_deadline());  // may look early, and then knows the right time
  EXPECT_EQ(pool.next_deadline(), now + 5s);
  pool.on_time(now + 5s);

  EXPECT_THAT(said(), ElementsAre(Refuses(ticket, Errc::timeout)));
}

// --- ending ------------------------------------------------------------------------------------------------

TEST_F(ServerPoolTest, ClosesWhenThePeerHasClosedAndNothingIsUnread) {  // T6
  const Grant connection = connected();

  pool.input_ended(connection.connection, false, now);

  EXPECT_THAT(said(), ElementsAre(Ends(connection.connection, CloseCause::peer)));
}

TEST_F(ServerPoolTest, StaysAfterThePeersCloseUntilItsBytesAreRead) {  // T6
  const Grant connection = connected();
  pool.input_ended(connection.connection, true, now);
  EXPECT_THAT(said(), IsEmpty());

  const SubscriptionId subscription = pool.subscribe({}, now);
  EXPECT_THAT(said(), ElementsAre(OffersTo(subscription)));
  pool.give_back(connection.connection, input, {.unread = false}, now);

  EXPECT_THAT(said(), ElementsAre(Ends(connection.connection, CloseCause::peer)));
}

TEST_F(ServerPoolTest, AConnectionWhosePeerHasClosedGoesOnlyToWhoeverNamesIt) {  // T6, half-close
  const Grant connection = connected();
  granted(any(input));
  pool.input_ended(connection.connection, false, now);

  const Answer unnamed = pool.acquire(any(output), now);
  const Answer named = pool.acquire(by_id(connection, output), now);

  EXPECT_EQ(unnamed.kind, Answer::Kind::waiting);
  EXPECT_EQ(named.kind, Answer::Kind::granted);
}

TEST_F(ServerPoolTest, ADeadConnectionLeavesOnlyWhenItsUsersHaveGivenBack) {
  const Grant connection = connected();
  const Grant held = granted(any(output));
  pool.broken(connection.connection, CloseCause::reset, now);
  pool.closed(connection.connection, now);

  EXPECT_EQ(pool.gauges().counted(), 0u) << "it does not count against the maximum";
  EXPECT_FALSE(pool.idle());
  give_back(held);

  EXPECT_TRUE(pool.idle());
}

TEST_F(ServerPoolTest, IgnoresEventsOfAConnectionThatIsGone) {
  const Grant old = connected();
  pool.close(old.connection, CloseCause::node, now);
  pool.closed(old.connection, now);
  const Grant reused = connected();
  said();
  ASSERT_EQ(old.connection.slot, reused.connection.slot);

  pool.data_arrived(old.connection, now);
  pool.input_ended(old.connection, false, now);
  pool.broken(old.connection, CloseCause::reset, now);
  pool.close(old.connection, CloseCause::node, now);
  pool.closed(old.connection, now);
  pool.opened(old.connection, now);
  pool.open_failed(old.connection, Errc::connect_failed, now);
  pool.release({old.connection, input, 1}, now);

  EXPECT_THAT(said(), IsEmpty());
  EXPECT_FALSE(pool.modify(old.connection, input, StreamChange::reserve, now));
  EXPECT_EQ(pool.gauges().open, 1u);
}

TEST_F(ServerPoolTest, ALoweredMaximumClosesUnusedOnesAtOnceAndOthersAsTheyComeBack) {  // V7
  const Grant one = connected();
  const Grant two = connected();
  const Grant three = connected();
  const Grant held = granted(by_id(one, output));
  granted(by_id(two, output));

  apply([](PoolSettings& s) { s.max_connections = 1; });
  EXPECT_THAT(said(), ElementsAre(Ends(three.connection, CloseCause::over_maximum)));
  give_back(held);

  EXPECT_THAT(said(), ElementsAre(Ends(one.connection, CloseCause::over_maximum)));
}

TEST_F(ServerPoolTest, ARetiringConnectionServesItsReservationUntilRelease) {  // V7 reconnect
  const Grant connection = connected();
  const Reservation reservation = give_back(granted(any(input)), StreamChange::reserve).own;
  pool.retire_all(CloseCause::purge, now);
  EXPECT_THAT(said(), IsEmpty());

  const Grant reader = granted(by_id(connection, input));
  EXPECT_EQ(pool.acquire(any(output), now).kind, Answer::Kind::waiting);
  give_back(reader);
  pool.release(reservation, now);

  EXPECT_THAT(said(), ElementsAre(Ends(connection.connection, CloseCause::purge)));
}

TEST_F(ServerPoolTest, StoppingRefusesAllAndClosesEachWhenItIsUnused) {  // G9, M1
  const Grant used = connected();
  granted(by_id(used, output));
  const Grant unused = connected();
  give_back(granted(by_id(unused, input)), StreamChange::reserve);
  const Ticket ticket = waiting(by_id(used, output));

  pool.stop(Errc::shutting_down, CloseCause::shutdown, now);
  EXPECT_THAT(said(), ElementsAre(Refuses(ticket, Errc::shutting_down),
                                  Ends(unused.connection, CloseCause::shutdown)));
  EXPECT_EQ(refused(any(output)), Errc::shutting_down);
  pool.give_back(used.connection, output, {}, now);

  EXPECT_THAT(said(), ElementsAre(Ends(used.connection, CloseCause::shutdown)));
}

TEST_F(ServerPoolTest, ForceEndsWhatStoppingLeftOpen) {  // G9
  const Grant used = connected();
  const Grant held = granted(by_id(used, output));
  const Grant closing = connected();
  pool.stop(Errc::shutting_down, CloseCause::shutdown, now);
  said();

  pool.abort_all(CloseCause::shutdown, now);
  EXPECT_THAT(kinds_said(), ElementsAre(Kind::abort, Kind::abort));
  pool.closed(used.connection, now);
  pool.closed(closing.connection, now);
  give_back(held);

  EXPECT_TRUE(pool.idle());
}

TEST_F(ServerPoolTest, StartedAgainItOffersWhatUsersLeftUnread) {  // G8
  const SubscriptionId subscription = pool.subscribe({}, now);
  const Grant connection = connected();
  const Grant writer = granted(any(output));
  const Grant reader = granted(any(input));
  pool.stop(Errc::manager_stopped, CloseCause::administrator, now);
  pool.give_back(reader.connection, input, {.unread = true}, now);
  EXPECT_THAT(said(), IsEmpty());

  pool.start(now);

  EXPECT_THAT(said(), ElementsAre(OffersTo(subscription)));
  EXPECT_EQ(writer.connection, connection.connection);
}

TEST_F(ServerPoolTest, WhilePausedRequestsWaitAndAreServedInOrderAfterwards) {  // M1
  connected();
  pool.pause();
  const Ticket first = waiting(any(output));
  waiting(any(output));
  EXPECT_FALSE(pool.admits());

  pool.resume(now);

  EXPECT_THAT(said(), ElementsAre(Grants(first)));
}

TEST_F(ServerPoolTest, ARequestThatWaitedOutAPauseIsToldSo) {  // L4
  connected();
  pool.pause();
  const Ticket ticket = waiting(any(output));

  pool.on_time(pool.next_deadline());

  EXPECT_THAT(said(), ElementsAre(Refuses(ticket, Errc::manager_paused)));
}

// --- opening -----------------------------------------------------------------------------------------------

TEST_F(PoolTest, OpensUpToTheMinimumAtStart) {  // G7
  apply([](PoolSettings& s) { s.min_connections = 2; });
  pool.start(now);

  EXPECT_THAT(said(), ElementsAre(Opens(), Opens()));
}

TEST_F(PoolTest, OpensWhenARequestWaitsAndOneConnectionServesBothKinds) {  // G7
  waiting(any(output));
  waiting(any(input));

  EXPECT_THAT(said(), ElementsAre(Opens()));
}

TEST_F(PoolTest, OpensNothingForARequestThatMayNot) {  // G7
  Ask ask = any(input);
  ask.may_open = false;

  waiting(ask);

  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(PoolTest, NeverHasMoreAttemptsUnderWayThanAllowed) {  // L5
  apply([](PoolSettings& s) { s.max_connecting = 2; });

  for (int i = 0; i < 5; ++i) waiting(any(output));

  EXPECT_THAT(said(), ElementsAre(Opens(), Opens()));
}

TEST_F(PoolTest, NeverCountsMoreThanTheMaximum) {  // L1
  apply([](PoolSettings& s) { s.max_connections = 1; });
  waiting(any(output));
  waiting(any(output));
  const auto actions = said();
  ASSERT_THAT(actions, ElementsAre(Opens()));

  pool.opened(actions[0].grant.connection, now);

  EXPECT_THAT(kinds_said(), ElementsAre(Kind::grant));
}

TEST_F(PoolTest, AConnectionThatEndsMakesRoomForTheFirstWaiterInTheSameCall) {  // L3
  apply([](PoolSettings& s) { s.max_connections = 1; });
  const Grant connection = connected();
  granted(any(output));
  waiting(any(output));
  pool.broken(connection.connection, CloseCause::reset, now);
  EXPECT_THAT(kinds_said(), ElementsAre(Kind::abort));

  now += 1h;  // the reset, so soon after it was opened, put off the next attempt
  pool.closed(connection.connection, now);

  EXPECT_THAT(said(), ElementsAre(Opens()));
}

TEST_F(PoolTest, ARaisedMaximumOpensForWaitersInTheSameCall) {  // V7
  apply([](PoolSettings& s) { s.max_connections = 1; });
  connected();
  granted(any(output));
  waiting(any(output));
  EXPECT_THAT(said(), IsEmpty());

  apply([](PoolSettings& s) { s.max_connections = 2; });

  EXPECT_THAT(said(), ElementsAre(Opens()));
}

TEST_F(PoolTest, TriesAgainLaterOneAttemptAtATimeWhenThePeerIsDown) {  // C2, C6
  waiting(any(output));
  waiting(any(output));
  const auto attempts = said();
  ASSERT_EQ(attempts.size(), 2u);

  pool.open_failed(attempts[0].grant.connection, Errc::connect_failed, now);
  pool.open_failed(attempts[1].grant.connection, Errc::connect_failed, now);
  EXPECT_THAT(said(), IsEmpty());
  EXPECT_EQ(pool.next_deadline(), now + 160ms);  // 100 ms times 1.6: the second failure
  pool.on_time(now + 160ms);

  EXPECT_THAT(said(), ElementsAre(Opens()));
}

TEST_F(PoolTest, TellsWaitersWhyThePeerCannotBeReached) {  // L4
  apply([](PoolSettings& s) { s.retry.delay = s.retry.max_delay = s.retry.max_delay_with_waiters = 1h; });
  const Ticket ticket = waiting(any(output));
  const auto attempts = said();

  pool.open_failed(attempts[0].grant.connection, Errc::resolve_failed, now);
  EXPECT_EQ(pool.last_connect_error(), Errc::resolve_failed);
  pool.on_time(now + 180s);

  EXPECT_THAT(said(), ElementsAre(Refuses(ticket, Errc::resolve_failed)));
}

TEST_F(PoolTest, APeerThatTakesConnectionsAndDropsThemIsNotTriedInALoop) {  // C2
  const Grant connection = connected();

  pool.input_ended(connection.connection, false, now);
  pool.closed(connection.connection, now);

  EXPECT_THAT(kinds_said(), ElementsAre(Kind::close));
  EXPECT_EQ(pool.next_deadline(), now + 100ms);
}

TEST_F(PoolTest, AsksForAPermitBeforeItOpens) {  // L7
  apply([](PoolSettings& s) { s.with_permits = true; });
  waiting(any(output));
  EXPECT_THAT(kinds_said(), ElementsAre(Kind::want_permit));

  pool.permit_granted(now);
  const auto opening = said();
  ASSERT_THAT(opening, ElementsAre(Opens()));
  pool.open_failed(opening[0].grant.connection, Errc::connect_failed, now);

  EXPECT_THAT(kinds_said(), ElementsAre(Kind::return_permit));
}

TEST_F(PoolTest, GivesBackAPermitThatCameTooLate) {  // L7
  apply([](PoolSettings& s) { s.with_permits = true; });
  waiting(any(output));
  pool.stop(Errc::manager_stopped, CloseCause::administrator, now);
  said();

  pool.permit_granted(now);

  EXPECT_THAT(kinds_said(), ElementsAre(Kind::return_permit));
  EXPECT_TRUE(pool.idle());
}

TEST_F(PoolTest, AReceiveOpensAConnectionOnlyWhenThereIsNone) {  // N3
  waiting(with_data());
  waiting(with_data());
  const auto actions = said();
  ASSERT_THAT(actions, ElementsAre(Opens()));
  pool.opened(actions[0].grant.connection, now);

  waiting(with_data());

  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(PoolTest, AReceiveOpensAConnectionWhenTheOneItWaitedAtIsTaken) {  // N3
  connected();
  waiting(with_data());
  EXPECT_THAT(said(), IsEmpty());

  granted(any(input));

  EXPECT_THAT(said(), ElementsAre(Opens()));
}

TEST_F(PoolTest, AttemptsAreAbandonedWhenThePoolStops) {  // G9
  waiting(any(output));
  const ConnectionRef attempt = said()[0].grant.connection;

  pool.stop(Errc::manager_stopped, CloseCause::administrator, now);
  EXPECT_THAT(kinds_said(), ElementsAre(Kind::refuse, Kind::abandon));
  pool.opened(attempt, now);  // too late
  EXPECT_FALSE(pool.idle());
  pool.closed(attempt, now);

  EXPECT_TRUE(pool.idle());
}

TEST_F(PoolTest, APurgeAbandonsAttemptsAndReplacesThem) {  // T4
  waiting(any(output));
  const ConnectionRef attempt = said()[0].grant.connection;

  pool.retire_all(CloseCause::purge, now);
  EXPECT_THAT(kinds_said(), ElementsAre(Kind::abandon, Kind::open));
  pool.closed(attempt, now);

  EXPECT_EQ(pool.gauges().connecting, 1u);
}

}  // namespace
}  // namespace connmgr::test
