import { describe, expect, it } from 'vitest'
import { rhythmOf, rhythmOfCron } from '../../../dashboards/rules/schedules.ts'

describe('rhythmOf', () => {
  it.each([
    [{ interval: '5m' }, 300],
    [{ interval: 30 }, 30],
    [{ interval: '30' }, 30],
    [{ hourly: { minute: [0, 30] } }, 1800],
    [{ cron: '0 */10 * * * ?' }, 600],
    [{ cron: '0 0 0/2 * * ?' }, 7200],
    [{ cron: '0/15 * * * * ?' }, 15],
    [{ cron: ['0 0,15,30,45 * * * ?'] }, 900],
  ])('is the same for %j', (schedule, interval) => {
    expect(rhythmOf(schedule)).toEqual({ interval })
  })

  it.each([
    [{ daily: { at: '09:00' } }, 86_400],
    [{ weekly: { on: 'monday', at: '09:00' } }, 86_400],
    [{ monthly: { on: 1, at: 'noon' } }, 86_400],
    [{ hourly: { minute: [0, 10] } }, 60],
    [{ cron: '0 0/5 9-17 ? * MON-FRI' }, 60],
    [{ cron: '0 30 9 ? * MON-FRI' }, 86_400],
    [{ cron: '0 0 9 * * ?' }, 86_400],
    [{ cron: ['0 0 9 * * ?', '0 0 * * * ?'] }, 3600],
  ])('is nearest below for %j, which it says', (schedule, interval) => {
    expect(rhythmOf(schedule)).toMatchObject({ interval, differs: expect.any(String) })
  })

  it.each([undefined, {}, { interval: 'soon' }, { interval: '0s' }, { never: {} }, []])('is nothing for %j', (schedule) => {
    expect(rhythmOf(schedule)).toBeUndefined()
  })

  it('knows no cron of five fields', () => {
    expect(rhythmOfCron('* * * * *')).toBeUndefined()
  })
})
