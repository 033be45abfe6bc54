// The figures of a stretch of time, kept true while mail flows.
import { useIntervalFn } from '@vueuse/core'
import { computed, type Ref } from 'vue'
import { timeZone } from '@/app/session'
import { useLiveQuery } from '@/app/useLiveQuery'
import { StatisticsDocument, type Bucket } from '@/graphql/gen/graphql'
import { countsOf } from './counts'
import { windowOf, type Range } from './range'

/** Figures for `range` in steps of `bucket`; the period before comes along when `compare` says so. */
export function useStatistics(range: Ref<Range>, bucket: Ref<Bucket>, compare: Ref<boolean>) {
  // "Now" moves on with every question, but does not count as a new question by itself.
  const query = useLiveQuery(
    StatisticsDocument,
    () => {
      const { from, to, before } = windowOf(range.value, new Date(), timeZone.value)
      return {
        from: from.toISOString(),
        to: to.toISOString(),
        before: before.toISOString(),
        bucket: bucket.value,
        timeZone: timeZone.value,
        compare: compare.value,
      }
    },
    () => true,
  )
  // The clock moves the edge of the chart even when nothing happens.
  useIntervalFn(() => void query.refresh(), 60_000)

  return {
    ...query,
    totals: computed(() => query.data.value && countsOf(query.data.value.statistics.totals)),
    previous: computed(() => query.data.value && countsOf(query.data.value.statistics.previous)),
    buckets: computed(() =>
      (query.data.value?.statistics.buckets ?? []).map((one) => ({
        start: new Date(one.start),
        counts: countsOf(one.counts),
      })),
    ),
    earlier: computed(() => (query.data.value?.earlier?.buckets ?? []).map((one) => countsOf(one.counts))),
  }
}
