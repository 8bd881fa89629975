import { describe, expect, it } from 'vitest'
import { dropsOfPort } from '../../src/ingest/kernel-drops.ts'

const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  408: 0100007F:1AAF 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4026 2 0000000000000000 17
  409: 0100007F:1AB0 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4027 2 0000000000000000 3
 1999: 00000000:1AAF 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 4028 2 0000000000000000 0
`

describe('dropsOfPort', () => {
  it('finds the sockets of a port with their inode and count', () => {
    expect(dropsOfPort(table, 6831)).toEqual([
      { inode: '4026', drops: 17 },
      { inode: '4028', drops: 0 },
    ])
  })

  it('finds nothing in a table it does not know', () => {
    expect(dropsOfPort('no such table', 6831)).toEqual([])
  })
})
