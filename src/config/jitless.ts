/**
 * Schemas are run once or twice: functions compiled for them would only take time and memory. Each looks at this when it is made, so that it has
 * to be said before the first is: this file is imported ahead of those that make them.
 */

import { z } from 'zod'

z.config({ jitless: true })
